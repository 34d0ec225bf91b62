/** Makes a trigger or changes it: what must hold of a record, and what it starts then. */
import {
  ActionIcon,
  Button,
  Group,
  NativeSelect,
  SimpleGrid,
  Stack,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { OrderFields } from "@/areas/schedules/OrderFields";
import { isComplete } from "@/areas/schedules/order";
import { wordsOf } from "@/ui/act";
import { faultOfJson } from "@/ui/JsonEditor";
import { Panel } from "@/ui/parts";
import { ANY, COMPARATORS, type Condition, type Draft } from "./draft";

interface Props {
  first: Draft;
  isNew: boolean;
  save: (draft: Draft) => Promise<unknown>;
  cancel: () => void;
}

export function Editor({ first, isNew, save, cancel }: Props) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState(first);
  const [refusal, setRefusal] = useState("");
  const [busy, setBusy] = useState(false);
  const set = (changes: Partial<Draft>) => setDraft((before) => ({ ...before, ...changes }));
  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setRefusal("");
    await save(draft)
      .catch((error) => setRefusal(wordsOf(error)))
      .finally(() => setBusy(false));
  }
  const selects = draft.conditions.length > 0 && draft.conditions.every(({ path }) => path.trim());
  return (
    <form onSubmit={submit}>
      <Stack>
        <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
          <Panel title={t("triggers.when")}>
            <Stack gap="sm">
              {isNew && (
                <TextInput
                  label={t("schedules.id")}
                  value={draft.id}
                  onChange={(event) => set({ id: event.currentTarget.value })}
                  required
                />
              )}
              <TextInput
                label={t("queues.displayName")}
                value={draft.displayName}
                onChange={(event) => set({ displayName: event.currentTarget.value })}
              />
              <Textarea
                label={t("queues.description")}
                value={draft.description}
                onChange={(event) => set({ description: event.currentTarget.value })}
                autosize
                minRows={1}
              />
              <Conditions conditions={draft.conditions} change={(conditions) => set({ conditions })} />
            </Stack>
          </Panel>
          <Panel title={t("triggers.starts")}>
            <Stack gap="sm">
              <OrderFields draft={draft} set={set} paramsHint={t("triggers.paramsHint")} />
            </Stack>
          </Panel>
        </SimpleGrid>
        {refusal && (
          <Text c="var(--pen-red)" size="sm" role="alert">
            {refusal}
          </Text>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={cancel}>
            {t("action.cancel")}
          </Button>
          <Button
            type="submit"
            loading={busy}
            disabled={
              !selects ||
              !isComplete(draft) ||
              Boolean(faultOfJson(draft.params)) ||
              (isNew && !draft.id.trim())
            }
          >
            {t(isNew ? "triggers.create" : "action.save")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

const SIGNS = { eq: "=", gt: ">", ge: "≥", lt: "<", le: "≤" } as const;

function Conditions({
  conditions,
  change,
}: {
  conditions: Condition[];
  change: (conditions: Condition[]) => void;
}) {
  const { t } = useTranslation();
  const put = (at: number, changes: Partial<Condition>) =>
    change(conditions.map((each, index) => (index === at ? { ...each, ...changes } : each)));
  return (
    <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
      <Text component="legend" size="sm" fw={500}>
        {t("triggers.conditions")}
      </Text>
      <Text size="xs" c="dimmed" mb={6}>
        {t("triggers.conditionsHint")}
      </Text>
      <Stack gap={6}>
        {conditions.map((each, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a condition is its place; what is typed in it changes.
          <Group key={at} gap={6} wrap="nowrap" align="flex-start">
            <TextInput
              aria-label={t("triggers.path", { n: at + 1 })}
              placeholder="damage.cost"
              value={each.path}
              onChange={(event) => put(at, { path: event.currentTarget.value })}
              style={{ flex: 3 }}
            />
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
              style={{ flex: 3 }}
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
