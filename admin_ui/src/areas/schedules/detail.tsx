/** One schedule: its next firings, what became of the last ones, and its settings. */
import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { Detail, New, type Parts } from "@/automation/Detail";
import { moment } from "@/ui/format";
import { Ago, Panel } from "@/ui/parts";
import { Failure, Loading } from "@/ui/states";
import type { Draft } from "./draft";
import { type Firing, SCHEDULES, type Schedule } from "./kind";
import { Policies } from "./Policies";
import { TimeFields } from "./TimeFields";
import { useRun } from "./useRun";

const PARTS: Parts<Schedule, Firing, Draft> = {
  kind: SCHEDULES,
  fields: { When: TimeFields, More: Policies },
  columns: ({ at, state, became }, t) => [
    at,
    state,
    { name: t("schedules.how"), cell: ({ kind }) => t(`schedules.hows.${kind}`) },
    { ...became, cell: (firing) => firing.count ?? became.cell(firing) },
  ],
  words: ({ words }) => words,
  When,
  useRun,
};

export const NewSchedule = () => <New parts={PARTS} />;

export function ScheduleDetail() {
  const { schedule = "" } = useParams({ strict: false }) as { schedule?: string };
  return <Detail parts={PARTS} id={schedule} />;
}

function When({ thing: { id, trigger } }: { thing: Schedule }) {
  const { t } = useTranslation();
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const own = trigger.kind === "cron" ? trigger.timeZone : zone;
  const { api, tenant } = useMe();
  const upcoming = useQuery({
    queryKey: [tenant, "schedules", "one", id, "upcoming"],
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
      {upcoming.error ? (
        <Failure error={upcoming.error} retry={() => upcoming.refetch()} />
      ) : !upcoming.data ? (
        <Loading />
      ) : upcoming.data.items.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t("schedules.never")}
        </Text>
      ) : (
        <>
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
          <Text size="xs" c="dimmed" mt={6}>
            {own === zone
              ? t("schedules.yourZone", { zone })
              : t("schedules.yourZoneAndItsOwn", { zone, own })}
          </Text>
        </>
      )}
    </Panel>
  );
}
