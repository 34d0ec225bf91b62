/** One schedule: its next firings, what became of the last ones, and its editor. */
import { Button, SimpleGrid, Stack, Tabs, Text } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay, IconRun, IconTrash } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { To, useAddress, useGo } from "@/app/go";
import { useIsAdmin, useMe } from "@/auth/SessionProvider";
import { confirmed } from "@/ui/confirm";
import { moment } from "@/ui/format";
import { Listing } from "@/ui/Listing";
import { Ago, Back, Head, Json, Panel, StateMark } from "@/ui/parts";
import { Failure, Loading } from "@/ui/states";
import { bodyOf, type Draft, draftOf, NEW } from "./draft";
import { Editor } from "./Editor";
import { type Schedule, useSchedule } from "./index";

export function NewSchedule() {
  const { t } = useTranslation();
  const { api } = useMe();
  const go = useGo();
  const { done } = useSchedule();
  async function save(draft: Draft) {
    await data(
      api.PUT("/api/v1/schedules/{schedule_id}", {
        params: { path: { schedule_id: draft.id.trim() }, header: { "if-none-match": "*" } },
        body: bodyOf(draft),
      }),
    );
    await done(async () => true, t("queues.said.saved"));
    go(`schedules/${encodeURIComponent(draft.id.trim())}`);
  }
  return (
    <>
      <Head above={<Back path="schedules">{t("schedules.title")}</Back>} title={t("schedules.new")} />
      <Editor first={NEW} isNew save={save} cancel={() => go("schedules")} />
    </>
  );
}

export function ScheduleDetail() {
  const { schedule: id = "" } = useParams({ strict: false }) as { schedule?: string };
  const { api, tenant } = useMe();
  const schedule = useQuery({
    queryKey: [tenant, "schedule", id],
    queryFn: () =>
      data(api.GET("/api/v1/schedules/{schedule_id}", { params: { path: { schedule_id: id } } })),
    refetchInterval: 15_000,
  });
  if (schedule.error) return <Failure error={schedule.error} retry={() => schedule.refetch()} />;
  if (!schedule.data) return <Loading />;
  return <Page schedule={schedule.data} />;
}

function Page({ schedule }: { schedule: Schedule }) {
  const { t } = useTranslation();
  const { api } = useMe();
  const go = useGo();
  const isAdmin = useIsAdmin();
  const [address, say] = useAddress();
  const { toggle, run, done } = useSchedule();
  const tab = isAdmin && address.tab === "settings" ? "settings" : "firings";
  const path = { schedule_id: schedule.id };

  async function save(draft: Draft) {
    await data(
      api.PATCH("/api/v1/schedules/{schedule_id}", {
        params: { path, header: { "if-match": `"${schedule.version}"` } },
        body: bodyOf(draft),
      }),
    );
    await done(async () => true, t("queues.said.saved"));
    say({ tab: undefined });
  }
  async function remove() {
    const title = t("schedules.ask.remove");
    if (!(await confirmed({ title, body: t("schedules.removeHint"), yes: t("action.delete") }))) return;
    const gone = await done(async () => {
      await api.DELETE("/api/v1/schedules/{schedule_id}", { params: { path } });
      return true;
    }, t("schedules.said.removed"));
    if (gone) go("schedules");
  }
  return (
    <>
      <Head
        above={<Back path="schedules">{t("schedules.title")}</Back>}
        title={schedule.displayName ?? schedule.id}
        below={
          <span style={{ display: "flex", gap: 14, marginTop: 4, flexWrap: "wrap" }}>
            <StateMark state={schedule.status} />
            <span>{schedule.words}</span>
          </span>
        }
      >
        {isAdmin && (
          <>
            <Button
              variant="default"
              leftSection={<IconRun size={16} aria-hidden />}
              onClick={() => run(schedule)}
            >
              {t("schedules.run")}
            </Button>
            {schedule.status !== "finished" && (
              <Button
                variant="default"
                leftSection={
                  schedule.paused ? (
                    <IconPlayerPlay size={16} aria-hidden />
                  ) : (
                    <IconPlayerPause size={16} aria-hidden />
                  )
                }
                onClick={() => toggle(schedule)}
              >
                {t(schedule.paused ? "queues.do.resume" : "queues.do.pause")}
              </Button>
            )}
            <Button variant="default" leftSection={<IconTrash size={16} aria-hidden />} onClick={remove}>
              {t("action.delete")}
            </Button>
          </>
        )}
      </Head>
      <Tabs
        value={tab}
        onChange={(to) => say({ tab: to === "firings" ? undefined : (to ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="firings">{t("schedules.firings")}</Tabs.Tab>
          {isAdmin && <Tabs.Tab value="settings">{t("queues.tabs.settings")}</Tabs.Tab>}
        </Tabs.List>
        <Tabs.Panel value="firings">
          <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
            <Stack>
              <Upcoming id={schedule.id} />
              <Panel title={t("schedules.what")}>
                <Json value={schedule.task ?? schedule.flow} label={t("schedules.what")} />
              </Panel>
            </Stack>
            <Firings id={schedule.id} />
          </SimpleGrid>
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <Editor
            key={schedule.version}
            first={draftOf(schedule)}
            isNew={false}
            save={save}
            cancel={() => say({ tab: undefined })}
          />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Upcoming({ id }: { id: string }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const upcoming = useQuery({
    queryKey: [tenant, "schedule", id, "upcoming"],
    queryFn: () =>
      data(
        api.GET("/api/v1/schedules/{schedule_id}/upcoming", {
          params: { path: { schedule_id: id }, query: { count: 8 } },
        }),
      ),
    refetchInterval: 30_000,
  });
  return (
    <Panel title={t("schedules.upcoming")}>
      {!upcoming.data ? (
        <Loading />
      ) : upcoming.data.items.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t("schedules.never")}
        </Text>
      ) : (
        <Stack gap={6} component="ol" p={0} m={0} style={{ listStyle: "none" }}>
          {upcoming.data.items.map(({ at }) => (
            <li key={at} style={{ display: "flex", justifyContent: "space-between", gap: 12 }}>
              <Text size="sm" className="numbers">
                {moment(at)}
              </Text>
              <Text size="sm" c="dimmed" component="div">
                <Ago at={at} />
              </Text>
            </li>
          ))}
        </Stack>
      )}
    </Panel>
  );
}

function Firings({ id }: { id: string }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const firings = useInfiniteQuery({
    queryKey: [tenant, "schedule", id, "firings"],
    queryFn: ({ pageParam }) =>
      data(
        api.GET("/api/v1/schedules/{schedule_id}/firings", {
          params: { path: { schedule_id: id }, query: { after: pageParam, limit: 30 } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: 10_000,
  });
  return (
    <Listing<Schemas["FiringView"]>
      label={t("schedules.firings")}
      rows={firings.data?.pages.flatMap(({ items }) => items)}
      query={firings}
      keyOf={(firing) => firing.id}
      minWidth={380}
      empty={{ title: t("schedules.noFirings") }}
      columns={[
        { name: t("chart.at"), cell: ({ at }) => <Ago at={at} /> },
        {
          name: t("tasks.columns.state"),
          cell: ({ status, reason }) => (
            <span title={reason?.message}>
              <StateMark state={status} />
            </span>
          ),
        },
        { name: t("schedules.how"), cell: ({ kind }) => t(`schedules.hows.${kind}`) },
        {
          name: t("schedules.became"),
          cell: ({ run, count }) =>
            run ? (
              <To path={`${run.kind === "flow" ? "flows" : "tasks"}/${run.id}`} className="row-link">
                {t(run.kind === "flow" ? "flows.flow" : "tasks.task")}
              </To>
            ) : (
              (count ?? "—")
            ),
        },
      ]}
    />
  );
}
