/** Schedules: what they submit, when next, how the last one went; paused, run now, all of them stopped. */
import { ActionIcon, Button, Group, Switch, Tooltip } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay, IconPlus, IconRun } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { To, useGo } from "@/app/go";
import { useIsAdmin, useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { Listing } from "@/ui/Listing";
import { Ago, Head, StateMark } from "@/ui/parts";

export type Schedule = Schemas["ScheduleView"];

export function Schedules() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const go = useGo();
  const isAdmin = useIsAdmin();
  const schedules = useInfiniteQuery({
    queryKey: [tenant, "schedules"],
    queryFn: ({ pageParam }) =>
      data(api.GET("/api/v1/schedules", { params: { query: { after: pageParam, limit: 100 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: 15_000,
  });
  return (
    <>
      <Head title={t("schedules.title")}>
        <Everything />
        {isAdmin && (
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => go("schedules/new")}>
            {t("schedules.new")}
          </Button>
        )}
      </Head>
      <Listing<Schedule>
        label={t("schedules.title")}
        rows={schedules.data?.pages.flatMap(({ items }) => items)}
        query={schedules}
        keyOf={({ id }) => id}
        minWidth={760}
        empty={{ title: t("schedules.empty"), hint: t("schedules.emptyHint") }}
        columns={[
          {
            name: t("schedules.schedule"),
            cell: ({ id, displayName }) => (
              <To path={`schedules/${encodeURIComponent(id)}`} className="row-link">
                {displayName ?? id}
              </To>
            ),
          },
          { name: t("schedules.when"), cell: ({ words }) => words },
          {
            name: t("schedules.what"),
            cell: ({ task, flow }) => flow?.template ?? task?.definition ?? task?.queue,
          },
          { name: t("tasks.columns.state"), cell: ({ status }) => <StateMark state={status} /> },
          { name: t("schedules.next"), cell: ({ nextAt }) => (nextAt ? <Ago at={nextAt} /> : "—") },
          { name: t("schedules.last"), cell: ({ last }) => (last ? <StateMark state={last.status} /> : "—") },
          ...(isAdmin
            ? [{ name: "", width: 90, cell: (schedule: Schedule) => <Buttons schedule={schedule} /> }]
            : []),
        ]}
      />
    </>
  );
}

/** What is done to a schedule, and a look at all of them afterwards. */
export function useSchedule() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  async function done<T>(work: () => Promise<T>, said: string): Promise<T | undefined> {
    const answer = await act(work, said);
    await cache.invalidateQueries({ queryKey: [tenant, "schedules"] });
    await cache.invalidateQueries({ queryKey: [tenant, "schedule"] });
    return answer;
  }
  const at = ({ id }: Schedule) => ({ params: { path: { schedule_id: id } } });
  return {
    done,
    toggle: (schedule: Schedule) =>
      schedule.paused
        ? done(
            () => data(api.POST("/api/v1/schedules/{schedule_id}/resume", at(schedule))),
            t("schedules.said.resumed"),
          )
        : done(
            () => data(api.POST("/api/v1/schedules/{schedule_id}/pause", at(schedule))),
            t("schedules.said.paused"),
          ),
    run: (schedule: Schedule) =>
      done(
        () => data(api.POST("/api/v1/schedules/{schedule_id}/run", at(schedule))),
        t("schedules.said.ran"),
      ),
  };
}

function Buttons({ schedule }: { schedule: Schedule }) {
  const { t } = useTranslation();
  const { toggle, run } = useSchedule();
  const name = schedule.displayName ?? schedule.id;
  const pause = t(schedule.paused ? "schedules.resumeOf" : "schedules.pauseOf", { name });
  return (
    <Group gap={4} wrap="nowrap" justify="flex-end">
      <Tooltip label={t("schedules.runOf", { name })}>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={t("schedules.runOf", { name })}
          onClick={() => run(schedule)}
        >
          <IconRun size={16} />
        </ActionIcon>
      </Tooltip>
      {schedule.status !== "finished" && (
        <Tooltip label={pause}>
          <ActionIcon variant="subtle" color="gray" aria-label={pause} onClick={() => toggle(schedule)}>
            {schedule.paused ? <IconPlayerPlay size={16} /> : <IconPlayerPause size={16} />}
          </ActionIcon>
        </Tooltip>
      )}
    </Group>
  );
}

function Everything() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const isAdmin = useIsAdmin();
  const cache = useQueryClient();
  const act = useAct();
  const scheduler = useQuery({
    queryKey: [tenant, "scheduler"],
    queryFn: () => data(api.GET("/api/v1/scheduler")),
    enabled: isAdmin,
  });
  if (!scheduler.data) return null;
  const { paused } = scheduler.data;
  return (
    <Switch
      label={t("schedules.on")}
      checked={!paused}
      onChange={async () => {
        await act(() =>
          paused ? data(api.POST("/api/v1/scheduler/resume")) : data(api.POST("/api/v1/scheduler/pause")),
        );
        await cache.invalidateQueries({ queryKey: [tenant, "scheduler"] });
      }}
    />
  );
}
