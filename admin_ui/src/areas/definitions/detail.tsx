/** One definition: read by everybody who has a right at its queue, changed by admins. */
import {
  Button,
  Group,
  NumberInput,
  SegmentedControl,
  Select,
  SimpleGrid,
  Stack,
  Tabs,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useGo } from "@/app/go";
import { schemaOf } from "@/areas/queues/draft";
import { useQueues } from "@/areas/queues/useQueues";
import { useDefinition } from "@/areas/tasks/useTask";
import { useIsAdmin, useMe } from "@/auth/SessionProvider";
import { hasFields, SchemaForm } from "@/forms";
import { said, useAct, wordsOf } from "@/ui/act";
import { confirmed } from "@/ui/confirm";
import { JsonEditor } from "@/ui/JsonEditor";
import { Ago, Back, Head, Panel } from "@/ui/parts";
import { Read } from "@/ui/Read";
import { patchOf, useDraft } from "@/ui/useDraft";
import { bodyOf, type Draft, draftOf, isReadable } from "./draft";
import { Places } from "./Places";

type Definition = Schemas["DefinitionView"];

export function DefinitionDetail() {
  const { definition: name = "" } = useParams({ strict: false }) as { definition?: string };
  const isNew = name === "new";
  const definition = useDefinition(isNew ? undefined : name);
  if (isNew) return <Page key={name} />;
  return (
    <Read query={definition} area="definitions" name={name}>
      {(found) => <Page definition={found} key={name} />}
    </Read>
  );
}

function Page({ definition }: { definition?: Definition }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const go = useGo();
  const act = useAct();
  const isAdmin = useIsAdmin();

  async function save(draft: Draft, opened?: Definition) {
    const name = draft.name.trim();
    const path = { definition: name };
    const kept = await data(
      opened
        ? api.PATCH("/api/v1/definitions/{definition}", {
            params: { path, header: { "if-match": `"${opened.version}"` } },
            body: patchOf(bodyOf(draftOf(opened)), bodyOf(draft)) as never,
          })
        : api.PUT("/api/v1/definitions/{definition}", {
            params: { path, header: { "if-none-match": "*" } },
            body: bodyOf(draft) as never,
          }),
    );
    said(t("queues.said.saved"));
    await cache.invalidateQueries({ queryKey: [tenant, "definition", name] });
    await cache.invalidateQueries({ queryKey: [tenant, "definitions"] });
    if (!opened) go(`definitions/${encodeURIComponent(name)}`);
    return kept;
  }
  async function remove() {
    if (!definition) return;
    const title = t("definitions.ask.remove");
    if (!(await confirmed({ title, body: t("definitions.removeHint"), yes: t("action.delete") }))) return;
    const path = { definition: definition.name };
    const gone = await act(async () => {
      await api.DELETE("/api/v1/definitions/{definition}", { params: { path } });
      return true;
    }, t("definitions.said.removed"));
    if (!gone) return;
    await cache.invalidateQueries({ queryKey: [tenant, "definitions"] });
    go("definitions");
  }
  return (
    <div style={{ maxWidth: 1080 }}>
      <Head
        above={<Back path="definitions">{t("definitions.title")}</Back>}
        title={definition?.name ?? t("definitions.new")}
        below={
          definition && (
            <>
              {definition.queue} · v{definition.version} · <Ago at={definition.updatedAt} />
            </>
          )
        }
      >
        {isAdmin && definition && (
          <Button variant="default" onClick={remove}>
            {t("action.delete")}
          </Button>
        )}
      </Head>
      <Stack>
        <Editor definition={definition} save={save} may={isAdmin} />
        {definition?.concurrency && <Places name={definition.name} />}
        {definition && definition.version > 1 && <Versions name={definition.name} />}
      </Stack>
    </div>
  );
}

interface EditorProps {
  /** Without one, a new one is made. */
  definition?: Definition;
  may: boolean;
  /** Answers the definition as it is then. */
  save: (draft: Draft, opened?: Definition) => Promise<Definition>;
}

function Editor({ definition, may, save }: EditorProps) {
  const { t } = useTranslation();
  const queues = useQueues();
  const isNew = !definition;
  const { draft, set, opened, isChanged, kept } = useDraft(definition, draftOf);
  const [refusal, setRefusal] = useState("");
  const [busy, setBusy] = useState(false);
  const seconds = (key: "lease" | "startTimeout" | "overall") => (
    <NumberInput
      label={t(`queues.${key}`)}
      placeholder={t("queues.noLimit")}
      suffix=" s"
      min={0}
      value={draft[key]}
      onChange={(value) => set({ [key]: value === "" ? "" : Number(value) })}
    />
  );
  return (
    <form
      onSubmit={async (event) => {
        event.preventDefault();
        setBusy(true);
        setRefusal("");
        await save(draft, opened)
          .then((changed) => opened && kept(changed))
          .catch((error) => setRefusal(wordsOf(error)))
          .finally(() => setBusy(false));
      }}
    >
      <fieldset disabled={!may} style={{ border: 0, padding: 0, margin: 0, minWidth: 0 }}>
        <Stack>
          <Panel title={t("queues.basics")}>
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              {isNew && (
                <TextInput
                  label={t("definitions.name")}
                  description={t("definitions.nameHint")}
                  value={draft.name}
                  onChange={(event) => set({ name: event.currentTarget.value })}
                  required
                />
              )}
              {isNew && (
                <Select
                  label={t("tasks.columns.queue")}
                  description={t("definitions.queueHint")}
                  data={queues.data?.map(({ key }) => key) ?? []}
                  value={draft.queue || null}
                  onChange={(queue) => set({ queue: queue ?? "" })}
                  searchable
                  required
                />
              )}
            </SimpleGrid>
            <Textarea
              mt={isNew ? "sm" : 0}
              label={t("queues.description")}
              value={draft.description}
              onChange={(event) => set({ description: event.currentTarget.value })}
              autosize
              minRows={2}
            />
          </Panel>
          <Panel title={t("definitions.schemas")}>
            <Tabs defaultValue="params" keepMounted={false}>
              <Tabs.List mb="sm">
                {(["params", "result", "error"] as const).map((each) => (
                  <Tabs.Tab key={each} value={each}>
                    {t(`definitions.${each}`)}
                  </Tabs.Tab>
                ))}
              </Tabs.List>
              {(["params", "result", "error"] as const).map((each) => (
                <Tabs.Panel key={each} value={each}>
                  <WithPreview
                    id={each}
                    text={draft[each]}
                    change={(text) => set({ [each]: text })}
                    label={t(`definitions.${each}`)}
                  />
                </Tabs.Panel>
              ))}
            </Tabs>
          </Panel>
          <Panel title={t("queues.defaults")}>
            <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }}>
              <Select
                label={t("tasks.priority")}
                placeholder={t("definitions.asQueue")}
                data={["low", "normal", "high", "urgent"].map((each) => ({
                  value: each,
                  label: t(`priorities.${each}`),
                }))}
                value={draft.priority || null}
                onChange={(priority) => set({ priority: priority ?? "" })}
                clearable
              />
              {seconds("lease")}
              {seconds("startTimeout")}
              {seconds("overall")}
              <NumberInput
                label={t("queues.attempts")}
                min={1}
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
                label={t("definitions.limit")}
                placeholder={t("queues.noLimit")}
                min={1}
                value={draft.limit}
                onChange={(value) => set({ limit: value === "" ? "" : Number(value) })}
              />
              <TextInput
                label={t("definitions.key")}
                placeholder="airport.code"
                value={draft.key}
                onChange={(event) => set({ key: event.currentTarget.value })}
                disabled={draft.limit === ""}
              />
            </SimpleGrid>
          </Panel>
          <Panel title={t("definitions.target")}>
            <Stack gap="sm">
              {draft.kind === "builtin" ? (
                <Text size="sm">{t("definitions.targets.builtin")}</Text>
              ) : (
                <SegmentedControl
                  aria-label={t("definitions.target")}
                  data={(["worker", "http"] as const).map((kind) => ({
                    value: kind,
                    label: t(`definitions.targets.${kind}`),
                  }))}
                  value={draft.kind}
                  onChange={(kind) => set({ kind: kind as Draft["kind"] })}
                />
              )}
              {draft.kind === "http" && (
                <SimpleGrid cols={{ base: 1, sm: 3 }}>
                  <TextInput
                    label="URL"
                    type="url"
                    value={draft.url}
                    onChange={(event) => set({ url: event.currentTarget.value })}
                    required
                  />
                  <Select
                    label={t("definitions.method")}
                    data={["POST", "PUT", "PATCH", "GET", "DELETE"]}
                    value={draft.method}
                    onChange={(method) => set({ method: method ?? "POST" })}
                    allowDeselect={false}
                  />
                  <TextInput
                    label={t("definitions.secret")}
                    value={draft.secret}
                    onChange={(event) => set({ secret: event.currentTarget.value })}
                  />
                </SimpleGrid>
              )}
            </Stack>
          </Panel>
          {refusal && (
            <Text c="var(--pen-red)" size="sm" role="alert">
              {refusal}
            </Text>
          )}
          {may && (
            <Group justify="flex-end">
              <Button
                type="submit"
                loading={busy}
                disabled={!draft.name.trim() || !draft.queue || !isReadable(draft) || (!isNew && !isChanged)}
              >
                {t(isNew ? "definitions.create" : "action.save")}
              </Button>
            </Group>
          )}
        </Stack>
      </fieldset>
    </form>
  );
}

function WithPreview(props: { id: string; text: string; change: (text: string) => void; label: string }) {
  const { t } = useTranslation();
  const [typed] = useDebouncedValue(props.text, 300);
  const schema = schemaOf(typed);
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
      <JsonEditor label={t("queues.schemaJson")} value={props.text} onChange={props.change} />
      <div>
        <Text size="sm" fw={500} mb="xs">
          {t("queues.preview")}
        </Text>
        {hasFields(schema) ? (
          <SchemaForm id={`preview-${props.id}`} schema={schema} value={undefined} />
        ) : (
          <Text size="sm" c="dimmed">
            {t("queues.previewEmpty")}
          </Text>
        )}
      </div>
    </SimpleGrid>
  );
}

function Versions({ name }: { name: string }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const versions = useQuery({
    queryKey: [tenant, "definition", name, "versions"],
    queryFn: () =>
      data(api.GET("/api/v1/definition-versions/{definition}", { params: { path: { definition: name } } })),
  });
  const items = (versions.data as { items?: Definition[] } | undefined)?.items;
  if (!items?.length) return null;
  return (
    <Panel title={t("definitions.versions")}>
      <Stack gap={6}>
        {items.map((each) => (
          <Group key={each.version} gap="md">
            <Text size="sm" fw={500}>
              v{each.version}
            </Text>
            <Text size="sm">{each.updatedBy.name}</Text>
            <Text size="sm" c="dimmed" component="div">
              <Ago at={each.updatedAt} />
            </Text>
          </Group>
        ))}
      </Stack>
    </Panel>
  );
}
