/** Schedules: what they submit, when next, how the last one went; paused, run now, all of them stopped. */
import { ActionIcon, Group, Switch, Tooltip } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay, IconRun } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useIsAdmin, useMe } from "@/auth/SessionProvider";
import { nameOf, useDoing } from "@/automation/kind";
import { List } from "@/automation/List";
import { useAct } from "@/ui/act";
import { Ago } from "@/ui/parts";
import { SCHEDULES, type Schedule } from "./kind";
import { useRun } from "./useRun";

export function Schedules() {
  const { t } = useTranslation();
  const isAdmin = useIsAdmin();
  return (
    <List
      kind={SCHEDULES}
      columns={({ name, what, state, last }) => [
        name,
        { name: t("schedules.when"), cell: ({ words }) => words },
        what,
        state,
        { name: t("schedules.next"), cell: ({ nextAt }) => (nextAt ? <Ago at={nextAt} /> : "—") },
        last,
        ...(isAdmin ? [{ name: "", width: 90, cell: buttons }] : []),
      ]}
    >
      <Everything />
    </List>
  );
}

const buttons = (schedule: Schedule) => <Buttons schedule={schedule} />;

function Buttons({ schedule }: { schedule: Schedule }) {
  const { t } = useTranslation();
  const { toggle } = useDoing(SCHEDULES);
  const { run } = useRun(schedule);
  const name = nameOf(schedule);
  const pause = t(schedule.paused ? "schedules.resumeOf" : "schedules.pauseOf", { name });
  return (
    <Group gap={4} wrap="nowrap" justify="flex-end">
      <Tooltip label={t("schedules.runOf", { name })}>
        <ActionIcon variant="subtle" color="gray" aria-label={t("schedules.runOf", { name })} onClick={run}>
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
