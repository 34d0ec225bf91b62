/** Chooses the columns of a worklist. */
import { Button, Checkbox, Popover, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { type Popped, pressed, useArrival } from "@/ui/Later";
import { COLUMNS, type Column, USUAL, type View } from "./view";

interface Props {
  view: View;
  change: (changes: Partial<View>) => void;
}

export default function ColumnsPanel({ view, change, target }: Props & Popped) {
  const { t } = useTranslation();
  const toggle = (column: Column, on: boolean) =>
    change({ columns: COLUMNS.filter((each) => (each === column ? on : view.columns.includes(each))) });
  const { opened, onChange } = useArrival();
  return (
    <Popover position="bottom-start" trapFocus returnFocus shadow="md" opened={opened} onChange={onChange}>
      <Popover.Target>{pressed(target, { opened, onChange })}</Popover.Target>
      <Popover.Dropdown aria-label={t("tasks.chooseColumns")}>
        <Stack gap="xs">
          {COLUMNS.map((column) => (
            <Checkbox
              key={column}
              size="xs"
              label={t(`tasks.columns.${column}`)}
              checked={view.columns.includes(column)}
              onChange={(event) => toggle(column, event.currentTarget.checked)}
            />
          ))}
          <Button size="xs" variant="subtle" onClick={() => change({ columns: USUAL })}>
            {t("tasks.usualColumns")}
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
