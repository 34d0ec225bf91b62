/** A flow template: drawn, and edited as the JSON that it is. */
import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useGo } from "@/app/go";
import { useIsAdmin, useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { confirmed } from "@/ui/confirm";
import { faultOfJson, JsonEditor } from "@/ui/JsonEditor";
import { Back, Head, Panel } from "@/ui/parts";
import { Read } from "@/ui/Read";
import { Loading } from "@/ui/states";
import { useDraft } from "@/ui/useDraft";
import type { Step } from "./layout";

const Graph = lazy(() => import("./Graph"));

const NEW = "new";
const EXAMPLE = {
  driver: "dag",
  queue: "namespace:name",
  steps: {
    first: { definition: "some/definition" },
    second: { definition: "another", dependsOn: ["first"] },
  },
};
/** What the server adds to what was written. */
const GIVEN = new Set(["name", "version", "createdAt", "createdBy", "updatedAt", "updatedBy"]);

type Template = Schemas["FlowTemplateView"];

export function FlowTemplate() {
  const { template: name = "" } = useParams({ strict: false }) as { template?: string };
  const { api, tenant } = useMe();
  const isNew = name === NEW;
  const template = useQuery({
    queryKey: [tenant, "flow-template", name],
    queryFn: () =>
      data(api.GET("/api/v1/flow-templates/{template}", { params: { path: { template: name } } })),
    enabled: !isNew,
  });
  if (isNew) return <Page key={name} />;
  return (
    <Read query={template} area="flows" name={name}>
      {(found) => <Page template={found} key={name} />}
    </Read>
  );
}

/** What is written of a template, or of a new one. */
function draftOf(template?: Template): { text: string } {
  const written = template
    ? Object.fromEntries(
        Object.entries(template).filter(
          ([key, value]) => !GIVEN.has(key) && value !== null && value !== undefined,
        ),
      )
    : EXAMPLE;
  return { text: JSON.stringify(written, null, 2) };
}

/** The steps of a DAG as it is written, to be drawn; null while it is none. */
function stepsOf(text: string): Step[] | null {
  try {
    const { steps } = JSON.parse(text) as { steps?: Record<string, { dependsOn?: string[] }> };
    if (!steps || Object.keys(steps).length === 0) return null;
    const names = new Set(Object.keys(steps));
    return Object.entries(steps).map(
      ([name, step]) =>
        ({
          name,
          status: "waiting",
          after: (step?.dependsOn ?? []).filter((each) => names.has(each)),
          fan: false,
        }) as unknown as Step,
    );
  } catch {
    return null;
  }
}

function Page({ template }: { template?: Template }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const go = useGo();
  const act = useAct();
  const isAdmin = useIsAdmin();
  const [name, setName] = useState(template?.name ?? "");
  const { draft, set, opened, isChanged, kept } = useDraft(template, draftOf);
  const { text } = draft;
  const [drawn] = useDebouncedValue(text, 300);
  const steps = stepsOf(drawn);

  async function save() {
    const saved = await act(
      () =>
        data(
          api.PUT("/api/v1/flow-templates/{template}", {
            params: {
              path: { template: name.trim() },
              header: opened ? { "if-match": `"${opened.version}"` } : { "if-none-match": "*" },
            },
            body: JSON.parse(text),
          }),
        ),
      t("queues.said.saved"),
    );
    if (!saved) return;
    await cache.invalidateQueries({ queryKey: [tenant, "flow-template", name.trim()] });
    await cache.invalidateQueries({ queryKey: [tenant, "flow-templates"] });
    if (opened) kept(saved);
    else go(`flows/templates/${encodeURIComponent(name.trim())}`);
  }
  async function remove() {
    const title = t("flows.ask.remove", { name });
    if (!(await confirmed({ title, body: t("flows.removeHint"), yes: t("action.delete") }))) return;
    const gone = await act(async () => {
      await api.DELETE("/api/v1/flow-templates/{template}", { params: { path: { template: name } } });
      return true;
    }, t("flows.said.removed"));
    if (!gone) return;
    await cache.invalidateQueries({ queryKey: [tenant, "flow-templates"] });
    go("flows", { tab: "templates" });
  }
  return (
    <>
      <Head
        above={
          <Back path="flows" search={{ tab: "templates" }}>
            {t("flows.templates")}
          </Back>
        }
        title={template?.name ?? t("flows.newTemplate")}
        below={
          template && `${t(`flows.drivers.${template.driver}`)} · ${template.queue} · v${template.version}`
        }
      >
        {isAdmin && template && (
          <Button variant="default" onClick={remove}>
            {t("action.delete")}
          </Button>
        )}
      </Head>
      <Stack>
        {steps && (
          <Panel title={t("flows.graph")} pad={false}>
            <Suspense fallback={<Loading />}>
              <Graph steps={steps} chosen={null} choose={() => undefined} />
            </Suspense>
          </Panel>
        )}
        <Panel title={t("flows.content")}>
          <Stack gap="sm">
            {!template && (
              <TextInput
                label={t("queues.name")}
                value={name}
                onChange={(event) => setName(event.currentTarget.value)}
                required
              />
            )}
            <JsonEditor
              label="JSON"
              value={text}
              onChange={(typed) => set({ text: typed })}
              minRows={12}
              maxRows={40}
            />
            {isAdmin ? (
              <Group justify="flex-end">
                <Button
                  onClick={save}
                  disabled={
                    !name.trim() || Boolean(faultOfJson(text)) || (opened !== undefined && !isChanged)
                  }
                >
                  {t("action.save")}
                </Button>
              </Group>
            ) : (
              <Text size="sm" c="dimmed">
                {t("flows.adminsOnly")}
              </Text>
            )}
          </Stack>
        </Panel>
      </Stack>
    </>
  );
}
