/** Triggers: which reported records start a task or a flow, and what became of the last one. */
import { useTranslation } from "react-i18next";
import { List } from "@/automation/List";
import { Ago } from "@/ui/parts";
import { Conditions } from "./Conditions";
import { TRIGGERS } from "./kind";

export function Triggers() {
  const { t } = useTranslation();
  return (
    <List
      kind={TRIGGERS}
      below={t("triggers.hint")}
      columns={({ name, what, state, last }) => [
        name,
        { name: t("triggers.when"), cell: (trigger) => <Conditions trigger={trigger} /> },
        what,
        state,
        last,
        { name: t("tasks.columns.updated"), cell: ({ updatedAt }) => <Ago at={updatedAt} /> },
      ]}
    />
  );
}
