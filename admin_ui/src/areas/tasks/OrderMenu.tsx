/** Chooses the order of a worklist. */
import { Menu } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { type Popped, useArrival } from "@/ui/Later";
import { SORTS, type View } from "./view";

interface Props {
  view: View;
  change: (changes: Partial<View>) => void;
}

export default function OrderMenu({ view, change, target }: Props & Popped) {
  const { t } = useTranslation();
  const ended = view.show === "done" || view.show === "dead";
  const usual = ended ? "-endedAt" : "place";
  const sorts = SORTS.filter((sort) => ended || !sort.includes("endedAt"));
  return (
    <Menu position="bottom-start" {...useArrival()}>
      <Menu.Target>{target}</Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("tasks.order")}</Menu.Label>
        {sorts.map((sort) => (
          <Menu.Item
            key={sort}
            fw={(view.sort || usual) === sort ? 600 : 400}
            onClick={() => change({ sort: sort === usual ? "" : sort })}
          >
            {t(`tasks.sorts.${sort}`)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
