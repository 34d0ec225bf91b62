/** The kept views: opened, taken away, and the one that is shown kept, too. */
import { ActionIcon, Group, Menu } from "@mantine/core";
import { IconBookmarkPlus, IconX } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { type Popped, useArrival } from "@/ui/Later";
import { type View, viewFrom } from "./view";

interface Props {
  change: (changes: Partial<View>) => void;
  /** Asks for the name of a new one. */
  save: () => void;
}

export default function ViewsMenu({ change, save, target }: Props & Popped) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  const key = [tenant, "filters"];
  const filters = useQuery({
    queryKey: key,
    queryFn: async () => (await data(api.GET("/api/v1/filters"))).items,
  });

  async function remove(id: string) {
    await act(() => api.DELETE("/api/v1/filters/{filter_id}", { params: { path: { filter_id: id } } }));
    await cache.invalidateQueries({ queryKey: key });
  }
  return (
    <Menu position="bottom-end" closeOnItemClick {...useArrival()}>
      <Menu.Target>{target}</Menu.Target>
      <Menu.Dropdown miw={220}>
        <Menu.Label>{t("views.title")}</Menu.Label>
        {filters.data?.map((each) => (
          <Group key={each.id} gap={0} wrap="nowrap">
            <Menu.Item onClick={() => change(viewFrom(each.wanted as never))} style={{ flex: 1 }}>
              {each.mine ? each.name : t("views.of", { name: each.name, owner: each.owner.name })}
            </Menu.Item>
            {each.mine && (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                aria-label={t("views.remove", { name: each.name })}
                onClick={() => remove(each.id)}
              >
                <IconX size={13} />
              </ActionIcon>
            )}
          </Group>
        ))}
        {filters.data?.length ? <Menu.Divider /> : null}
        <Menu.Item leftSection={<IconBookmarkPlus size={15} aria-hidden />} onClick={save}>
          {t("views.save")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
