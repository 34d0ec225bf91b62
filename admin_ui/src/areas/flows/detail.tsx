/** One flow, live: its graph, who waited for whom, and each step with its tasks. */
import "./flows.css";
import { Button, Group, SegmentedControl, Stack, Text, UnstyledButton } from "@mantine/core";
import { IconBan, IconRotate } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { To, useAddress, useGo } from "@/app/go";
import { Shown } from "@/areas/tasks/Shown";
import { useQueue } from "@/areas/tasks/useTask";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { confirmed } from "@/ui/confirm";
import { duration } from "@/ui/format";
import { Ago, Back, Fact, Head, Panel, Person, StateMark, toneOf, useNow } from "@/ui/parts";
import { Read } from "@/ui/Read";
import { Loading } from "@/ui/states";
import { type Step, timeline } from "./layout";
import { useFlow } from "./useFlow";

const Graph = lazy(() => import("./Graph"));

type Flow = Schemas["FlowView"];

export function FlowDetail() {
  const { flow: id = "" } = useParams({ strict: false }) as { flow?: string };
  const flow = useFlow(id);
  return (
    <Read query={flow} area="flows" name={id}>
      {(found) => <Page flow={found} />}
    </Read>
  );
}

export const flowState = (flow: Schemas["FlowBriefView"]): string =>
  flow.status === "done" ? (flow.outcome ?? "done") : flow.status;

function Page({ flow }: { flow: Flow }) {
  const { t } = useTranslation();
  const [address, say] = useAddress();
  const chosen = flow.steps.find(({ name }) => name === address.step);
  const choose = (name: string) => say({ step: name === address.step ? undefined : name });
  const drawn = flow.steps.length > 0;
  const view = address.view === "timeline" || !drawn ? "timeline" : "graph";
  return (
    <>
      <Head
        above={<Back path="flows">{t("flows.title")}</Back>}
        title={flow.label || flow.template}
        below={
          <Group gap="md" mt={4}>
            <StateMark state={flowState(flow)} />
            <span>
              {flow.template} v{flow.version}
            </span>
            <span>
              {flow.createdBy.name} · <Ago at={flow.createdAt} />
            </span>
          </Group>
        }
      >
        <Actions flow={flow} />
      </Head>
      <Stack>
        {flow.reason && flow.outcome !== "succeeded" && (
          <Text size="sm" c="var(--pen-red)">
            {flow.reason.message ?? flow.reason.type}
          </Text>
        )}
        <Panel
          title={t("flows.steps")}
          pad={false}
          actions={
            drawn && (
              <SegmentedControl
                size="xs"
                aria-label={t("flows.view")}
                data={[
                  { value: "graph", label: t("flows.graph") },
                  { value: "timeline", label: t("flows.timeline") },
                ]}
                value={view}
                onChange={(to) => say({ view: to === "graph" ? undefined : to })}
              />
            )
          }
        >
          {view === "graph" ? (
            <Suspense fallback={<Loading />}>
              <Graph steps={flow.steps} chosen={chosen?.name ?? null} choose={choose} />
            </Suspense>
          ) : (
            <Times steps={flow.steps} chosen={chosen?.name} choose={choose} />
          )}
        </Panel>
        {chosen && <StepDetail step={chosen} />}
        {flow.result !== undefined && <Shown title={t("tasks.result")} value={flow.result} />}
        {flow.error !== undefined && <Shown title={t("tasks.error")} value={flow.error} />}
        {flow.params !== undefined && <Shown title={t("tasks.params")} value={flow.params} />}
      </Stack>
    </>
  );
}

function Actions({ flow }: { flow: Flow }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const go = useGo();
  const act = useAct();
  const queue = useQueue(flow.queue);
  const may = (right: string) => queue.data?.rights.includes(right) ?? false;
  const at = { params: { path: { flow_id: flow.id } } };
  const cancel = async () => {
    if (
      !(await confirmed({
        title: t("flows.ask.cancel"),
        body: t("flows.cancelHint"),
        yes: t("flows.do.cancel"),
      }))
    )
      return;
    await act(
      () => data(api.POST("/api/v1/flows/{flow_id}/cancel", { ...at, body: { mode: "ask" } })),
      t("flows.said.canceled"),
    );
    await cache.invalidateQueries({ queryKey: [tenant, "flow", flow.id] });
  };
  const retry = async () => {
    const next = await act(
      () => data(api.POST("/api/v1/flows/{flow_id}/retry", at)),
      t("flows.said.retried"),
    );
    if (next) go(`flows/${(next as Flow).id}`);
  };
  return (
    <>
      {flow.status === "done" && flow.outcome !== "succeeded" && may("submit") && (
        <Button leftSection={<IconRotate size={16} aria-hidden />} onClick={retry}>
          {t("flows.do.retry")}
        </Button>
      )}
      {flow.status !== "done" && (may("cancel") || may("submit")) && (
        <Button variant="default" leftSection={<IconBan size={16} aria-hidden />} onClick={cancel}>
          {t("flows.do.cancel")}
        </Button>
      )}
    </>
  );
}

function Times({
  steps,
  chosen,
  choose,
}: {
  steps: readonly Step[];
  chosen?: string;
  choose: (name: string) => void;
}) {
  const { t } = useTranslation();
  const now = useNow();
  return (
    <Stack gap={2} p="sm">
      {timeline(steps, Math.max(now, Date.now())).map(({ step, from, to, seconds, waitedFor }) => (
        <UnstyledButton
          key={step.name}
          className="timeline-row"
          aria-pressed={chosen === step.name}
          onClick={() => choose(step.name)}
        >
          <span style={{ minWidth: 0 }}>
            <Text size="sm" fw={500} truncate>
              {step.name}
            </Text>
            {waitedFor && (
              <Text size="xs" c="dimmed" truncate>
                {t("flows.waitedFor", { name: waitedFor })}
              </Text>
            )}
          </span>
          <span className="timeline-track">
            {seconds !== null && (
              <span
                className="timeline-bar"
                style={
                  {
                    "--tone": toneOf(step.status),
                    left: `${Math.min(99, from * 100)}%`,
                    width: `${Math.max(0.5, (to - from) * 100)}%`,
                  } as React.CSSProperties
                }
              />
            )}
          </span>
          <Text size="xs" c="dimmed" className="numbers" ta="right">
            {seconds === null ? "—" : duration(seconds)}
          </Text>
        </UnstyledButton>
      ))}
    </Stack>
  );
}

function StepDetail({ step }: { step: Step }) {
  const { t } = useTranslation();
  return (
    <Panel title={step.name} actions={<StateMark state={step.status} />}>
      <Stack gap="sm">
        <Group gap="xl">
          <Fact name={t("flows.runs")}>{step.runs.join(", ")}</Fact>
          <Fact name={t("flows.after")}>{step.after.join(", ") || "—"}</Fact>
          <Fact name={t("flows.children")}>
            {step.done} / {step.count}
          </Fact>
          {step.startedAt && (
            <Fact name={t("tasks.started")}>
              <Ago at={step.startedAt} />
            </Fact>
          )}
          {step.endedAt && (
            <Fact name={t("tasks.ended")}>
              <Ago at={step.endedAt} />
            </Fact>
          )}
        </Group>
        {step.reason && <Text size="sm">{step.reason.message ?? step.reason.type}</Text>}
        <Stack
          gap={4}
          component="ul"
          p={0}
          m={0}
          style={{ listStyle: "none" }}
          aria-label={t("flows.children")}
        >
          {step.items.map((item) => (
            <Group key={item.id} component="li" gap="md" wrap="nowrap">
              <StateMark state={item.status} />
              {item.task ? (
                <To path={`tasks/${item.id}`} className="row-link">
                  {item.name ?? item.id}
                </To>
              ) : (
                <Text size="sm">{item.name ?? item.id}</Text>
              )}
              {item.task?.holder && <Person who={item.task.holder} />}
              {item.task?.reason?.message && (
                <Text size="xs" c="dimmed" truncate>
                  {item.task.reason.message}
                </Text>
              )}
            </Group>
          ))}
        </Stack>
      </Stack>
    </Panel>
  );
}
