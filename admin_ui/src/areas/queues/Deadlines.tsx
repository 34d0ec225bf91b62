/** When a queue's tasks are due, when their people are reminded, and what happens to what is late. */
import {
  ActionIcon,
  Button,
  Checkbox,
  Group,
  NativeSelect,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  TagsInput,
  Text,
} from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { PersonPicker } from "@/ui/PersonPicker";
import { type Deadlines, NEW_RULE, type Rule, secondsOf, type Unit, unitOf } from "./deadlines";

const PRIORITIES = ["low", "normal", "high", "urgent"];

interface Props {
  deadlines: Deadlines;
  change: (deadlines: Deadlines) => void;
  /** The queue, once it is there: its workers can be assigned. */
  queue?: string;
}

export function DeadlineFields({ deadlines, change, queue }: Props) {
  const { t } = useTranslation();
  const { due, reminders, rules } = deadlines;
  const put = (at: number, changes: Partial<Rule>) =>
    change({
      ...deadlines,
      rules: rules.map((rule, index) => (index === at ? { ...rule, ...changes } : rule)),
    });
  const without = (at: number) => change({ ...deadlines, rules: rules.filter((_, index) => index !== at) });
  return (
    <Stack gap="sm">
      <SimpleGrid cols={{ base: 1, sm: 2 }} style={{ alignItems: "start" }}>
        <Time
          label={t("deadlines.due")}
          empty={t("deadlines.noDue")}
          value={due}
          change={(value) => change({ ...deadlines, due: value })}
        />
        <Stack gap={6} align="flex-start">
          {reminders.map((each, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a reminder is its place.
            <Group key={at} gap={6} align="flex-end" wrap="nowrap" w="100%">
              <Time
                label={t("deadlines.reminder", { n: at + 1 })}
                value={each}
                change={(value) =>
                  change({
                    ...deadlines,
                    reminders: reminders.map((was, index) => (index === at ? value : was)),
                  })
                }
              />
              <Without
                label={t("deadlines.withoutReminder", { n: at + 1 })}
                does={() => change({ ...deadlines, reminders: reminders.filter((_, index) => index !== at) })}
              />
            </Group>
          ))}
          <Another
            label={t("deadlines.anotherReminder")}
            does={() => change({ ...deadlines, reminders: [...reminders, ""] })}
          />
        </Stack>
      </SimpleGrid>
      {rules.map((rule, at) => (
        <Late
          // biome-ignore lint/suspicious/noArrayIndexKey: a rule is its place; what is typed in it changes.
          key={at}
          n={at + 1}
          rule={rule}
          queue={queue}
          put={(changes) => put(at, changes)}
          away={() => without(at)}
        />
      ))}
      <div>
        <Another
          label={t("deadlines.anotherRule")}
          does={() => change({ ...deadlines, rules: [...rules, NEW_RULE] })}
        />
      </div>
    </Stack>
  );
}

interface LateProps {
  n: number;
  rule: Rule;
  queue?: string;
  put: (changes: Partial<Rule>) => void;
  away: () => void;
}

/** One rule: what happens to a task that is still open so long after its due date. */
function Late({ n, rule, queue, put, away }: LateProps) {
  const { t } = useTranslation();
  return (
    <Stack gap="xs" className="panel" p="sm" role="group" aria-label={t("deadlines.rule", { n })}>
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" fw={500}>
          {t("deadlines.rule", { n })}
        </Text>
        <Without label={t("deadlines.withoutRule", { n })} does={away} />
      </Group>
      <SimpleGrid cols={{ base: 1, sm: 2 }} style={{ alignItems: "start" }}>
        <Time
          label={t("deadlines.after")}
          empty={t("deadlines.atOnce")}
          value={rule.after}
          change={(after) => put({ after })}
        />
        <Select
          label={t("deadlines.raiseTo")}
          placeholder={t("deadlines.leave")}
          data={PRIORITIES.map((each) => ({ value: each, label: t(`priorities.${each}`) }))}
          value={rule.raiseTo || null}
          onChange={(raiseTo) => put({ raiseTo: raiseTo ?? "" })}
          clearable
        />
        <PersonPicker
          label={t("deadlines.assignTo")}
          value={rule.assignTo}
          onChange={(assignTo) => put({ assignTo, giveBack: assignTo ? false : rule.giveBack })}
          queue={queue}
          nobody={t("deadlines.leave")}
          autofocus={false}
        />
        <TagsInput
          label={t("deadlines.notify")}
          description={t("deadlines.notifyHint")}
          value={rule.notify}
          onChange={(notify) => put({ notify })}
        />
      </SimpleGrid>
      <Checkbox
        label={t("deadlines.giveBack")}
        checked={rule.giveBack}
        disabled={rule.assignTo !== null}
        onChange={(event) => put({ giveBack: event.currentTarget.checked })}
      />
    </Stack>
  );
}

function Another({ label, does }: { label: string; does: () => void }) {
  return (
    <Button
      size="compact-sm"
      variant="subtle"
      leftSection={<IconPlus size={14} aria-hidden />}
      onClick={does}
    >
      {label}
    </Button>
  );
}

function Without({ label, does }: { label: string; does: () => void }) {
  return (
    <ActionIcon variant="subtle" color="gray" size={34} aria-label={label} onClick={does}>
      <IconX size={15} />
    </ActionIcon>
  );
}

interface TimeProps {
  label: string;
  /** What it means to leave it empty. */
  empty?: string;
  value: number | "";
  change: (seconds: number | "") => void;
}

/** A time as a number and its unit. */
function Time({ label, empty, value, change }: TimeProps) {
  const { t } = useTranslation();
  const [unit, setUnit] = useState<Unit>(() => unitOf(value));
  const size = secondsOf(unit);
  return (
    <Group gap={6} align="flex-end" wrap="nowrap" style={{ flex: 1 }}>
      <NumberInput
        label={label}
        placeholder={empty}
        min={0}
        value={value === "" ? "" : value / size}
        onChange={(typed) => change(typed === "" ? "" : Number(typed) * size)}
        style={{ flex: 1 }}
      />
      <NativeSelect
        aria-label={t("deadlines.unit", { label })}
        data={(["seconds", "minutes", "hours", "days"] as const).map((each) => ({
          value: each,
          label: t(`deadlines.units.${each}`),
        }))}
        value={unit}
        onChange={(event) => {
          const chosen = event.currentTarget.value as Unit;
          setUnit(chosen);
          if (value !== "") change((value / size) * secondsOf(chosen));
        }}
        w={110}
      />
    </Group>
  );
}
