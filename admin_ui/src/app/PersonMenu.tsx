/** Who is logged in, with which roles, and the way out. */
import { Menu } from "@mantine/core";
import { IconDoorExit } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useMe } from "@/auth/SessionProvider";
import { type Popped, useArrival } from "@/ui/Later";

export default function PersonMenu({ target }: Popped) {
  const { t } = useTranslation();
  const { me, session } = useMe();
  return (
    <Menu position="bottom-end" {...useArrival()}>
      <Menu.Target>{target}</Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{me.roles.join(", ") || t("shell.noRoles")}</Menu.Label>
        <Menu.Item leftSection={<IconDoorExit size={16} aria-hidden />} onClick={() => session.leave()}>
          {session.actsIn ? t("shell.leaveTenant") : t("shell.logOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
