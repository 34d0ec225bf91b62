/** What must hold of a record before a trigger runs, condition by condition. */
import { ActionIcon, Button, Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { FieldsProps } from "@/automation/Editor";
import { ANY, COMPARATORS, type Condition, type Draft, SIGNS } from "./draft";

export function ConditionFields({ draft: { conditions }, set }: FieldsProps<Draft>) {
  const change = (changed: Condition[]) => set({ conditions: changed });
  const { t } = useTranslation();
  const put = (at: number, changes: Partial<Condition>) =>
    change(conditions.map((each, index) => (index === at ? { ...each, ...changes } : each)));
  return (
    <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
      <Text component="legend" size="sm" fw={600}>
        {t("triggers.conditions")}
      </Text>
      <Text size="xs" c="dimmed" mb={6}>
        {t("triggers.conditionsHint")}
      </Text>
      <Stack gap={10}>
        {conditions.map((each, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a condition is its place; what is typed in it changes.
          <Group key={at} gap={6} align="flex-start">
            <TextInput
              aria-label={t("triggers.path", { n: at + 1 })}
              placeholder="damage.cost"
              value={each.path}
              onChange={(event) => put(at, { path: event.currentTarget.value })}
              style={{ flex: "1 1 160px" }}
            />
            <Group gap={6} wrap="nowrap" style={{ flex: "1 1 230px" }}>
              <NativeSelect
                aria-label={t("triggers.comparator", { n: at + 1 })}
                data={COMPARATORS.map((value) => ({ value, label: SIGNS[value] }))}
                value={each.comparator}
                onChange={(event) => put(at, { comparator: event.currentTarget.value })}
                w={70}
              />
              <TextInput
                aria-label={t("triggers.value", { n: at + 1 })}
                placeholder={t("triggers.none")}
                value={each.value}
                onChange={(event) => put(at, { value: event.currentTarget.value })}
                style={{ flex: 1 }}
              />
              <ActionIcon
                variant="subtle"
                color="gray"
                size={34}
                aria-label={t("triggers.without", { n: at + 1 })}
                disabled={conditions.length === 1}
                onClick={() => change(conditions.filter((_, index) => index !== at))}
              >
                <IconX size={15} />
              </ActionIcon>
            </Group>
          </Group>
        ))}
      </Stack>
      <Button
        mt={6}
        size="compact-sm"
        variant="subtle"
        leftSection={<IconPlus size={14} aria-hidden />}
        onClick={() => change([...conditions, ANY])}
      >
        {t("triggers.another")}
      </Button>
    </fieldset>
  );
}
