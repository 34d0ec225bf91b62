/** One trigger: what it waits for, what it started, and its editor. */
import { Button, Group, Modal, SimpleGrid, Stack, Tabs, TextInput } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay, IconRun, IconTrash } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { To, useAddress, useGo } from "@/app/go";
import { useIsAdmin, useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { confirmed } from "@/ui/confirm";
import { faultOfJson, JsonEditor } from "@/ui/JsonEditor";
import { Listing } from "@/ui/Listing";
import { Ago, Back, Head, Json, Panel, StateMark } from "@/ui/parts";
import { Failure, Loading } from "@/ui/states";
import { bodyOf, type Draft, draftOf, NEW } from "./draft";
import { Editor } from "./Editor";
import { Conditions, type Trigger } from "./index";

/** Does something to triggers, and looks at them again afterwards. */
function useDone() {
  const { tenant } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  return async <T,>(work: () => Promise<T>, said: string): Promise<T | undefined> => {
    const answer = await act(work, said);
    await cache.invalidateQueries({ queryKey: [tenant, "triggers"] });
    await cache.invalidateQueries({ queryKey: [tenant, "trigger"] });
    return answer;
  };
}

export function NewTrigger() {
  const { t } = useTranslation();
  const { api } = useMe();
  const go = useGo();
  const done = useDone();
  async function save(draft: Draft) {
    const body = { ...bodyOf(draft), id: draft.id.trim() };
    const made = await data(api.POST("/api/v1/triggers", { body }));
    await done(async () => true, t("queues.said.saved"));
    go(`triggers/${encodeURIComponent(made.id)}`);
  }
  return (
    <>
      <Head above={<Back path="triggers">{t("triggers.title")}</Back>} title={t("triggers.new")} />
      <Editor first={NEW} isNew save={save} cancel={() => go("triggers")} />
    </>
  );
}

export function TriggerDetail() {
  const { trigger: id = "" } = useParams({ strict: false }) as { trigger?: string };
  const { api, tenant } = useMe();
  const trigger = useQuery({
    queryKey: [tenant, "trigger", id],
    queryFn: () => data(api.GET("/api/v1/triggers/{trigger_id}", { params: { path: { trigger_id: id } } })),
    refetchInterval: 15_000,
  });
  if (trigger.error) return <Failure error={trigger.error} retry={() => trigger.refetch()} />;
  if (!trigger.data) return <Loading />;
  return <Page trigger={trigger.data} />;
}

function Page({ trigger }: { trigger: Trigger }) {
  const { t } = useTranslation();
  const { api } = useMe();
  const go = useGo();
  const isAdmin = useIsAdmin();
  const done = useDone();
  const [address, say] = useAddress();
  const [running, setRunning] = useState(false);
  const tab = isAdmin && address.tab === "settings" ? "settings" : "runs";
  const at = { params: { path: { trigger_id: trigger.id } } };

  async function save(draft: Draft) {
    await data(
      api.PATCH("/api/v1/triggers/{trigger_id}", {
        params: { ...at.params, header: { "if-match": `"${trigger.version}"` } },
        body: bodyOf(draft),
      }),
    );
    await done(async () => true, t("queues.said.saved"));
    say({ tab: undefined });
  }
  const toggle = () =>
    trigger.paused
      ? done(() => data(api.POST("/api/v1/triggers/{trigger_id}/resume", at)), t("triggers.said.resumed"))
      : done(() => data(api.POST("/api/v1/triggers/{trigger_id}/pause", at)), t("triggers.said.paused"));
  async function remove() {
    const title = t("triggers.ask.remove");
    if (!(await confirmed({ title, body: t("triggers.removeHint"), yes: t("action.delete") }))) return;
    const gone = await done(async () => {
      await api.DELETE("/api/v1/triggers/{trigger_id}", at);
      return true;
    }, t("triggers.said.removed"));
    if (gone) go("triggers");
  }
  return (
    <>
      <Head
        above={<Back path="triggers">{t("triggers.title")}</Back>}
        title={trigger.displayName ?? trigger.id}
        below={
          <Group gap="md" mt={4}>
            <StateMark state={trigger.paused ? "paused" : "active"} />
            <span>{trigger.description}</span>
          </Group>
        }
      >
        {isAdmin && (
          <>
            <Button
              variant="default"
              leftSection={<IconRun size={16} aria-hidden />}
              onClick={() => setRunning(true)}
            >
              {t("triggers.run")}
            </Button>
            <Button
              variant="default"
              leftSection={
                trigger.paused ? (
                  <IconPlayerPlay size={16} aria-hidden />
                ) : (
                  <IconPlayerPause size={16} aria-hidden />
                )
              }
              onClick={toggle}
            >
              {t(trigger.paused ? "queues.do.resume" : "queues.do.pause")}
            </Button>
            <Button variant="default" leftSection={<IconTrash size={16} aria-hidden />} onClick={remove}>
              {t("action.delete")}
            </Button>
          </>
        )}
      </Head>
      <Tabs
        value={tab}
        onChange={(to) => say({ tab: to === "runs" ? undefined : (to ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="runs">{t("triggers.runs")}</Tabs.Tab>
          {isAdmin && <Tabs.Tab value="settings">{t("queues.tabs.settings")}</Tabs.Tab>}
        </Tabs.List>
        <Tabs.Panel value="runs">
          <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
            <Stack>
              <Panel title={t("triggers.when")}>
                <Conditions trigger={trigger} />
              </Panel>
              <Panel title={t("triggers.starts")}>
                <Json value={trigger.task ?? trigger.flow} label={t("triggers.starts")} />
              </Panel>
            </Stack>
            <Runs id={trigger.id} />
          </SimpleGrid>
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <Editor
            key={trigger.version}
            first={draftOf(trigger)}
            isNew={false}
            save={save}
            cancel={() => say({ tab: undefined })}
          />
        </Tabs.Panel>
      </Tabs>
      <Modal opened={running} onClose={() => setRunning(false)} title={t("triggers.run")} size="lg">
        <RunNow id={trigger.id} close={() => setRunning(false)} done={done} />
      </Modal>
    </>
  );
}

interface RunNowProps {
  id: string;
  close: () => void;
  done: <T>(work: () => Promise<T>, said: string) => Promise<T | undefined>;
}

/** Runs it for a record that was reported, or for one that is typed here. */
function RunNow({ id, close, done }: RunNowProps) {
  const { t } = useTranslation();
  const { api } = useMe();
  const [recordId, setRecordId] = useState("");
  const [record, setRecord] = useState("{}");
  async function run() {
    const body = recordId.trim() ? { recordId: recordId.trim() } : { record: JSON.parse(record) };
    const ran = await done(
      () =>
        data(
          api.POST("/api/v1/triggers/{trigger_id}/run", {
            params: { path: { trigger_id: id } },
            body: body as never,
          }),
        ),
      t("triggers.said.ran"),
    );
    if (ran) close();
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <Stack gap="sm">
        <TextInput
          label={t("triggers.recordId")}
          description={t("triggers.recordIdHint")}
          value={recordId}
          onChange={(event) => setRecordId(event.currentTarget.value)}
          data-autofocus
        />
        {!recordId.trim() && (
          <JsonEditor label={t("triggers.record")} value={record} onChange={setRecord} minRows={5} />
        )}
        <Group justify="flex-end">
          <Button
            type="submit"
            disabled={!recordId.trim() && (!record.trim() || Boolean(faultOfJson(record)))}
          >
            {t("triggers.run")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Runs({ id }: { id: string }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const runs = useInfiniteQuery({
    queryKey: [tenant, "trigger", id, "runs"],
    queryFn: ({ pageParam }) =>
      data(
        api.GET("/api/v1/triggers/{trigger_id}/runs", {
          params: { path: { trigger_id: id }, query: { after: pageParam, limit: 30 } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: 10_000,
  });
  return (
    <Listing<Schemas["TriggerRunView"]>
      label={t("triggers.runs")}
      rows={runs.data?.pages.flatMap(({ items }) => items)}
      query={runs}
      keyOf={(run) => run.id}
      minWidth={420}
      empty={{ title: t("triggers.noRuns"), hint: t("triggers.noRunsHint") }}
      columns={[
        { name: t("chart.at"), cell: ({ at }) => <Ago at={at} /> },
        {
          name: t("triggers.record"),
          cell: ({ record }) => <span style={{ overflowWrap: "anywhere" }}>{record}</span>,
        },
        {
          name: t("tasks.columns.state"),
          cell: ({ status, reason }) => (
            <span title={reason?.message}>
              <StateMark state={status} />
            </span>
          ),
        },
        {
          name: t("schedules.became"),
          cell: ({ run }) =>
            run ? (
              <To path={`${run.kind === "flow" ? "flows" : "tasks"}/${run.id}`} className="row-link">
                {t(run.kind === "flow" ? "flows.flow" : "tasks.task")}
              </To>
            ) : (
              "—"
            ),
        },
      ]}
    />
  );
}
