/** How it goes: throughput, waiting and working times, failures, who works, and whether the platform is well. */
import { Group, Progress, SegmentedControl, Select, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useAddress } from "@/app/go";
import { partsOf, useQueues } from "@/areas/queues/useQueues";
import { useMe } from "@/auth/SessionProvider";
import { Chart } from "@/ui/Chart";
import { count, duration } from "@/ui/format";
import { Ago, Fact, Head, Panel, Person, StateMark } from "@/ui/parts";
import { Empty, Failure, Loading } from "@/ui/states";
import { durationsOf, percentile, reasonsOf, summed, workersOf } from "./figures";

const RANGES = {
  hour: { unit: "minute", count: 60, format: { hour: "2-digit", minute: "2-digit" } },
  day: { unit: "hour", count: 24, format: { weekday: "short", hour: "2-digit" } },
  week: { unit: "hour", count: 168, format: { day: "numeric", month: "short", hour: "2-digit" } },
} as const;
const HOURS = { hour: 1, day: 24, week: 168 };
type Range = keyof typeof RANGES;

const SAMPLE = 1000;
const MOST_QUEUES = 40;
const AGAIN = 20_000;

export function Dashboard() {
  const { t, i18n } = useTranslation();
  const { api, tenant } = useMe();
  const [address, say] = useAddress();
  const range: Range = address.range === "day" || address.range === "week" ? address.range : "hour";
  const queues = useQueues();
  const readable = (queues.data ?? []).filter(({ rights }) => rights.includes("read")).map(({ key }) => key);
  const keys = address.queue
    ? readable.filter((key) => key === address.queue)
    : readable.slice(0, MOST_QUEUES);
  const { unit, count: length, format } = RANGES[range];
  const series = useQuery({
    queryKey: [tenant, "dashboard", keys, range],
    queryFn: () =>
      Promise.all(
        keys.map((key) =>
          data(
            api.GET("/api/v1/queues/{namespace}/{name}/metrics/series", {
              params: { path: partsOf(key), query: { unit, count: length } },
            }),
          ),
        ),
      ),
    enabled: queues.isSuccess,
    refetchInterval: AGAIN,
  });
  const ended = useQuery({
    queryKey: [tenant, "dashboard", "ended", address.queue, range],
    queryFn: async () => {
      const since = new Date(Date.now() - HOURS[range] * 3_600_000).toISOString();
      const query = { state: ["done" as const], endedFrom: since, sort: "-endedAt" as const, limit: SAMPLE };
      const queue = address.queue ? [address.queue] : undefined;
      return (await data(api.GET("/api/v1/tasks", { params: { query: { ...query, queue } } }))).items;
    },
    refetchInterval: AGAIN,
  });
  if (queues.error ?? series.error) {
    return <Failure error={(queues.error ?? series.error) as Error} retry={() => series.refetch()} />;
  }
  const written = new Intl.DateTimeFormat(i18n.language, format);
  const rows = summed(series.data ?? []).map((each) => ({
    ...each,
    time: written.format(new Date(each.at)),
  }));
  const total = (key: "submitted" | "succeeded" | "failed") => rows.reduce((sum, row) => sum + row[key], 0);
  return (
    <>
      <Head title={t("dashboard.title")}>
        <Select
          aria-label={t("tasks.columns.queue")}
          placeholder={t("dashboard.allQueues")}
          data={readable}
          value={address.queue ?? null}
          onChange={(queue) => say({ queue: queue ?? undefined })}
          searchable
          clearable
          w={220}
        />
        <SegmentedControl
          aria-label={t("dashboard.range")}
          data={(Object.keys(RANGES) as Range[]).map((each) => ({
            value: each,
            label: t(`dashboard.ranges.${each}`),
          }))}
          value={range}
          onChange={(to) => say({ range: to === "hour" ? undefined : to })}
        />
      </Head>
      {!series.data ? (
        <Loading />
      ) : keys.length === 0 ? (
        <Empty title={t("queues.empty")} hint={t("queues.emptyHint")} />
      ) : (
        <Stack>
          <SimpleGrid cols={{ base: 1, xs: 3 }}>
            {(["submitted", "succeeded", "failed"] as const).map((key) => (
              <Panel key={key}>
                <Fact name={t(`dashboard.${key}`)}>
                  <Text fz={26} fw={600} lh={1.2} className="numbers">
                    {count(total(key))}
                  </Text>
                </Fact>
              </Panel>
            ))}
          </SimpleGrid>
          <Chart
            title={t("dashboard.throughput")}
            at="time"
            rows={rows}
            filled
            height={220}
            lines={[
              { key: "submitted", name: t("dashboard.submitted"), color: "var(--pen-blue)" },
              { key: "succeeded", name: t("dashboard.succeeded"), color: "var(--pen-green)" },
              { key: "failed", name: t("dashboard.failed"), color: "var(--pen-red)" },
            ]}
          />
          <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
            <Chart
              title={t("dashboard.times")}
              at="time"
              rows={rows}
              say={duration}
              lines={[
                { key: "wait", name: t("queues.wait"), color: "var(--pen-violet)" },
                { key: "work", name: t("queues.workTime"), color: "var(--pen-amber)" },
              ]}
            />
            <Percentiles tasks={ended.data} />
            <Reasons tasks={ended.data} />
            <Workers tasks={ended.data} queue={address.queue} />
          </SimpleGrid>
          <Health />
        </Stack>
      )}
    </>
  );
}

type Tasks = Parameters<typeof durationsOf>[0] | undefined;

function Percentiles({ tasks }: { tasks: Tasks }) {
  const { t } = useTranslation();
  const times = durationsOf(tasks ?? []);
  const said = (values: number[], share: number) => {
    const value = percentile(values, share);
    return value === null ? "—" : duration(value);
  };
  return (
    <Panel title={t("dashboard.percentiles")}>
      {!tasks ? (
        <Loading />
      ) : (
        <>
          <table className="plain-table numbers" style={{ width: "100%", fontSize: 13 }}>
            <thead>
              <tr>
                <th style={{ textAlign: "left" }}>{t("dashboard.share")}</th>
                <th style={{ textAlign: "right" }}>{t("dashboard.waits")}</th>
                <th style={{ textAlign: "right" }}>{t("dashboard.takes")}</th>
              </tr>
            </thead>
            <tbody>
              {[0.5, 0.9, 0.99, 1].map((share) => (
                <tr key={share} style={{ height: 34 }}>
                  <td>{t("dashboard.within", { share: Math.round(share * 100) })}</td>
                  <td style={{ textAlign: "right" }}>{said(times.wait, share)}</td>
                  <td style={{ textAlign: "right" }}>{said(times.work, share)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <Text size="xs" c="dimmed" mt="sm">
            {t("dashboard.sample", { count: tasks.length })}
          </Text>
        </>
      )}
    </Panel>
  );
}

function Reasons({ tasks }: { tasks: Tasks }) {
  const { t } = useTranslation();
  const reasons = reasonsOf(
    (tasks ?? []).filter(({ outcome }) => outcome === "failed" || outcome === "expired"),
  );
  const most = reasons[0]?.count ?? 1;
  return (
    <Panel title={t("dashboard.reasons")}>
      {!tasks ? (
        <Loading />
      ) : reasons.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t("dashboard.noFailures")}
        </Text>
      ) : (
        <Stack gap="sm">
          {reasons.slice(0, 8).map(({ reason, count: times }) => (
            <div key={reason}>
              <Group justify="space-between" wrap="nowrap">
                <Text size="sm" truncate>
                  {reason}
                </Text>
                <Text size="sm" className="numbers">
                  {count(times)}
                </Text>
              </Group>
              <Progress value={(100 * times) / most} size="sm" color="red.8" aria-label={reason} />
            </div>
          ))}
        </Stack>
      )}
    </Panel>
  );
}

function Workers({ tasks, queue }: { tasks: Tasks; queue?: string }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const running = useQuery({
    queryKey: [tenant, "dashboard", "running", queue],
    queryFn: async () =>
      (
        await data(
          api.GET("/api/v1/tasks", {
            params: { query: { state: ["in-progress"], queue: queue ? [queue] : undefined, limit: SAMPLE } },
          }),
        )
      ).items,
    refetchInterval: AGAIN,
  });
  const workers = workersOf([...(tasks ?? []), ...(running.data ?? [])]);
  return (
    <Panel title={t("dashboard.workers")}>
      {workers.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t("dashboard.noWorkers")}
        </Text>
      ) : (
        <Stack gap="sm">
          {workers.slice(0, 8).map((each) => (
            <Group key={each.key} justify="space-between" wrap="nowrap">
              <Group gap="xs" wrap="nowrap" miw={0}>
                <Person who={each} />
                {each.program && <span className="chip">{each.program}</span>}
              </Group>
              <Text size="xs" c="dimmed" component="div">
                {t("dashboard.held", { count: each.count })} · <Ago at={each.at} />
              </Text>
            </Group>
          ))}
        </Stack>
      )}
    </Panel>
  );
}

function Health() {
  const { t } = useTranslation();
  const health = useQuery({
    queryKey: ["health"],
    queryFn: async () => (await fetch("/health/ready")).json() as Promise<Record<string, unknown>>,
    refetchInterval: AGAIN,
  });
  const parts = Object.entries(health.data ?? {});
  return (
    <Panel title={t("dashboard.health")}>
      <Group gap="xl">
        {parts.map(([name, state]) => {
          const well = state === true || state === "ready" || state === "ok" || state === "up";
          const blocked = name.toLowerCase().includes("blocked");
          const good = blocked ? state === false : well;
          return (
            <Fact key={name} name={t(`dashboard.parts.${name}`, { defaultValue: name })}>
              <span
                className="state"
                style={{ "--tone": good ? "var(--pen-green)" : "var(--pen-red)" } as React.CSSProperties}
              >
                {t(good ? "dashboard.well" : "dashboard.ill")}
              </span>
            </Fact>
          );
        })}
        {health.error && <StateMark state="failed" />}
      </Group>
    </Panel>
  );
}
