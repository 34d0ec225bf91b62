/** Makes a queue or changes its settings: names, roles, defaults, and the schema with the form that it becomes. */
import {
  Autocomplete,
  Button,
  Checkbox,
  Group,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { Problem } from "@/api/problems";
import { useMe } from "@/auth/SessionProvider";
import { hasFields, SchemaForm } from "@/forms";
import { JsonEditor } from "@/ui/JsonEditor";
import { Panel } from "@/ui/parts";
import { useDraft } from "@/ui/useDraft";
import { Bindings } from "./Bindings";
import { DeadlineFields } from "./Deadlines";
import { type Draft, draftOf, QUOTAS, rolesOf, schemaOf } from "./draft";

const PRIORITIES = ["low", "normal", "high", "urgent"];
const EXAMPLE = JSON.stringify(
  {
    type: "object",
    required: ["applicant"],
    properties: {
      applicant: { title: "Applicant", type: "string" },
      kind: { title: "Kind", enum: ["new", "renewal"] },
    },
  },
  null,
  2,
);

type Queue = Schemas["QueueView"];

interface Props {
  /** Without one, a new one is made, whose names can be chosen. */
  queue?: Queue;
  queues: Queue[];
  /** Answers the queue as it is then, if it is shown on; rejects with what the server refuses. */
  save: (draft: Draft, opened?: Queue) => Promise<Queue | undefined>;
  cancel?: () => void;
}

export function Editor({ queue, queues, save, cancel }: Props) {
  const { t } = useTranslation();
  const { api, me, tenant } = useMe();
  const roles = useQuery({
    queryKey: [tenant, "roles"],
    queryFn: async () => (await data(api.GET("/api/v1/roles"))).items.map(({ name }) => name),
    retry: false,
  });
  const isNew = !queue;
  const { draft, set, opened, isChanged, kept } = useDraft(queue, draftOf);
  const [faults, setFaults] = useState<Record<string, string>>({});
  const [refusal, setRefusal] = useState("");
  const [busy, setBusy] = useState(false);
  const [typedSchema] = useDebouncedValue(draft.schema, 300);
  const schema = schemaOf(draft.schema);
  const previewed = schemaOf(typedSchema);
  const taken = isNew && queues.some(({ key }) => key === `${draft.namespace.trim()}:${draft.name.trim()}`);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setFaults({});
    setRefusal("");
    try {
      const changed = await save(
        { ...draft, namespace: draft.namespace.trim(), name: draft.name.trim() },
        opened,
      );
      if (changed) kept(changed);
    } catch (error) {
      if (error instanceof Problem) setFaults(error.faults);
      setRefusal(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  }

  const seconds = (key: "lease" | "startTimeout" | "overall", field: string) => (
    <NumberInput
      label={t(`queues.${key}`)}
      placeholder={t("queues.noLimit")}
      suffix=" s"
      min={0}
      value={draft[key]}
      onChange={(value) => set({ [key]: value === "" ? "" : Number(value) })}
      error={faults[`defaults.${field}`]}
    />
  );
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <Panel title={t("queues.basics")}>
          <Stack gap="sm">
            {isNew && (
              <SimpleGrid cols={{ base: 1, xs: 2 }}>
                <Autocomplete
                  label={t("queues.namespace")}
                  data={[...new Set(queues.map(({ namespace }) => namespace))].sort()}
                  value={draft.namespace}
                  onChange={(namespace) => set({ namespace })}
                  required
                />
                <TextInput
                  label={t("queues.name")}
                  value={draft.name}
                  onChange={(event) => set({ name: event.currentTarget.value })}
                  error={taken && t("queues.taken")}
                  required
                />
              </SimpleGrid>
            )}
            <TextInput
              label={t("queues.displayName")}
              value={draft.displayName}
              onChange={(event) => set({ displayName: event.currentTarget.value })}
              error={faults.displayName}
            />
            <Textarea
              label={t("queues.description")}
              value={draft.description}
              onChange={(event) => set({ description: event.currentTarget.value })}
              autosize
              minRows={2}
            />
          </Stack>
        </Panel>
        <Panel title={t("queues.access")}>
          <Text size="sm" c="dimmed" mb="sm">
            {t("queues.accessHint")}
          </Text>
          <Bindings
            bindings={draft.bindings}
            change={(bindings) => set({ bindings })}
            known={rolesOf(queues, [...me.roles, ...(roles.data ?? [])])}
          />
        </Panel>
        <Panel title={t("queues.defaults")}>
          <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }}>
            <Select
              label={t("tasks.priority")}
              data={PRIORITIES.map((each) => ({ value: each, label: t(`priorities.${each}`) }))}
              value={draft.priority}
              onChange={(priority) => priority && set({ priority })}
              allowDeselect={false}
            />
            {seconds("lease", "leaseSeconds")}
            {seconds("startTimeout", "startTimeoutSeconds")}
            {seconds("overall", "overallTimeoutSeconds")}
            <NumberInput
              label={t("queues.attempts")}
              min={1}
              max={1000}
              value={draft.attempts}
              onChange={(value) => set({ attempts: Number(value) || 1 })}
            />
            <Select
              label={t("queues.backoff")}
              data={["fixed", "exponential"].map((each) => ({
                value: each,
                label: t(`queues.backoffs.${each}`),
              }))}
              value={draft.backoff}
              onChange={(backoff) => set({ backoff: backoff as Draft["backoff"] })}
              allowDeselect={false}
            />
            <NumberInput
              label={t("queues.initial")}
              suffix=" s"
              min={0}
              value={draft.initial}
              onChange={(value) => set({ initial: Number(value) })}
            />
            <NumberInput
              label={t("queues.retention")}
              placeholder={t("queues.retentionUsual")}
              min={0}
              value={draft.retention}
              onChange={(value) => set({ retention: value === "" ? "" : Number(value) })}
            />
          </SimpleGrid>
        </Panel>
        <Panel title={t("queues.limits")}>
          <Stack gap="sm">
            <SimpleGrid cols={{ base: 1, xs: 2 }}>
              {QUOTAS.map((each) => (
                <NumberInput
                  key={each}
                  label={t(`limits.names.${each}`)}
                  placeholder={t("queues.noLimit")}
                  min={0}
                  thousandSeparator=" "
                  value={draft.quotas[each]}
                  onChange={(value) =>
                    set({ quotas: { ...draft.quotas, [each]: value === "" ? "" : Number(value) } })
                  }
                  error={faults[`quotas.${each}`]}
                />
              ))}
            </SimpleGrid>
            <Checkbox
              label={t("queues.encrypt")}
              description={t("queues.encryptHint")}
              checked={draft.encrypted}
              onChange={(event) => set({ encrypted: event.currentTarget.checked })}
            />
          </Stack>
        </Panel>
        <Panel title={t("deadlines.title")}>
          <DeadlineFields
            deadlines={draft.deadlines}
            change={(deadlines) => set({ deadlines })}
            queue={isNew ? undefined : `${draft.namespace}:${draft.name}`}
          />
        </Panel>
        <Panel
          title={t("queues.schema")}
          actions={
            !draft.schema && (
              <Button size="compact-xs" variant="subtle" onClick={() => set({ schema: EXAMPLE })}>
                {t("queues.example")}
              </Button>
            )
          }
        >
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
            <JsonEditor
              label={t("queues.schemaJson")}
              description={t("queues.schemaHint")}
              value={draft.schema}
              onChange={(text) => set({ schema: text })}
              error={faults.paramsSchema}
              minRows={10}
            />
            <div>
              <Text size="sm" fw={500} mb="xs">
                {t("queues.preview")}
              </Text>
              {hasFields(previewed) ? (
                <SchemaForm id="preview" schema={previewed} value={undefined} />
              ) : (
                <Text size="sm" c="dimmed">
                  {t("queues.previewEmpty")}
                </Text>
              )}
            </div>
          </SimpleGrid>
        </Panel>
        {refusal && (
          <Text c="var(--pen-red)" size="sm" role="alert">
            {refusal} {Object.values(faults).join(" ")}
          </Text>
        )}
        <Group justify="flex-end">
          {cancel && (
            <Button variant="default" onClick={cancel}>
              {t("action.cancel")}
            </Button>
          )}
          <Button
            type="submit"
            loading={busy}
            disabled={
              (!isNew && !isChanged) ||
              taken ||
              schema === undefined ||
              !draft.namespace.trim() ||
              !draft.name.trim()
            }
          >
            {t(isNew ? "queues.create" : "action.save")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
