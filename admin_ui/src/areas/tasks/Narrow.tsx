/** The filters that are not seen all the time: queues, priorities, a label, a definition. */
import { Button, Chip, Group, MultiSelect, Popover, Stack, Text, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Popped, pressed, useArrival } from "@/ui/Later";
import type { Props } from "./Filters";
import { PRIORITIES } from "./view";

type Given = Omit<Props, "searchBox">;

export default function NarrowPanel({ target, ...given }: Given & Popped) {
  const { t } = useTranslation();
  const { opened, onChange } = useArrival();
  return (
    <Popover
      position="bottom-start"
      trapFocus
      returnFocus
      shadow="md"
      width={320}
      opened={opened}
      onChange={onChange}
    >
      <Popover.Target>{pressed(target, { opened, onChange })}</Popover.Target>
      <Popover.Dropdown aria-label={t("tasks.filter")}>
        <Narrow {...given} />
      </Popover.Dropdown>
    </Popover>
  );
}

function Narrow({ view, change, queues }: Given) {
  const { t } = useTranslation();
  return (
    <Stack gap="sm">
      <MultiSelect
        size="xs"
        label={t("tasks.columns.queue")}
        data={queues.map((queue) => ({ value: queue.key, label: queue.displayName ?? queue.key }))}
        value={view.queues}
        onChange={(chosen) => change({ queues: chosen })}
        searchable
        clearable
        comboboxProps={{ withinPortal: false }}
      />
      <div role="group" aria-label={t("tasks.priority")}>
        <Text size="xs" fw={500} mb={4}>
          {t("tasks.priority")}
        </Text>
        <Chip.Group multiple value={view.priorities} onChange={(chosen) => change({ priorities: chosen })}>
          <Group gap={6}>
            {PRIORITIES.map((each) => (
              <Chip key={each} value={each} size="xs" variant="outline">
                {t(`priorities.${each}`)}
              </Chip>
            ))}
          </Group>
        </Chip.Group>
      </div>
      <Said label={t("tasks.columns.labels")} value={view.label} say={(label) => change({ label })} />
      <Said
        label={t("tasks.definition")}
        value={view.definition}
        say={(definition) => change({ definition })}
      />
      <Button
        size="xs"
        variant="subtle"
        onClick={() => change({ queues: [], priorities: [], label: "", definition: "", text: "" })}
      >
        {t("tasks.clear")}
      </Button>
    </Stack>
  );
}

function Said({ label, value, say }: { label: string; value: string; say: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  return (
    <TextInput
      size="xs"
      label={label}
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={() => typed !== value && say(typed.trim())}
      onKeyDown={(event) => event.key === "Enter" && say(typed.trim())}
    />
  );
}
