/** A queue in numbers: how it stands, who has what, and its last hour. */
import { Group, Progress, SimpleGrid, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Schemas } from "@/api/client";
import { Chart } from "@/ui/Chart";
import { count, duration } from "@/ui/format";
import { Fact, Panel, Person } from "@/ui/parts";
import { Failure, Loading } from "@/ui/states";
import { useNumbers } from "./useNumbers";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export function Overview({ queue }: { queue: Schemas["QueueView"] }) {
  const { t } = useTranslation();
  const { metrics, series } = useNumbers(queue.key, queue.rights.includes("read"));
  if (metrics.error) return <Failure error={metrics.error} retry={() => metrics.refetch()} />;
  if (!metrics.data) return <Loading />;
  const numbers = metrics.data;
  const rows = (series.data?.items ?? []).map((each) => ({
    at: clock.format(new Date(each.at)),
    submitted: each.submitted,
    succeeded: each.succeeded,
    failed: each.failed,
  }));
  const facts: [string, string][] = [
    [t("states.ready"), count(numbers.byState.ready)],
    [t("states.in-progress"), count(numbers.byState["in-progress"])],
    [t("states.waiting"), count(numbers.byState.waiting)],
    [t("queues.deadLetters"), count(numbers.deadLetters)],
    [t("queues.oldest"), numbers.oldestAgeSeconds == null ? "—" : duration(numbers.oldestAgeSeconds)],
    [t("queues.wait"), numbers.waitSeconds ? duration(numbers.waitSeconds.average) : "—"],
    [t("queues.workTime"), numbers.workSeconds ? duration(numbers.workSeconds.average) : "—"],
    [
      t("queues.perHour"),
      `${count(numbers.rates.lastHour.submitted)} / ${count(numbers.rates.lastHour.succeeded)}`,
    ],
  ];
  const most = Math.max(1, ...Object.values(numbers.byPriority));
  return (
    <Stack>
      {queue.description && <Text c="dimmed">{queue.description}</Text>}
      <Panel>
        <SimpleGrid cols={{ base: 2, xs: 4 }} className="numbers">
          {facts.map(([name, value]) => (
            <Fact key={name} name={name}>
              <Text size="lg" fw={600}>
                {value}
              </Text>
            </Fact>
          ))}
        </SimpleGrid>
      </Panel>
      <Chart
        title={t("queues.lastHour")}
        at="at"
        rows={rows}
        filled
        lines={[
          { key: "submitted", name: t("queues.submitted"), color: "var(--pen-blue)" },
          { key: "succeeded", name: t("states.succeeded"), color: "var(--pen-green)" },
          { key: "failed", name: t("states.failed"), color: "var(--pen-red)" },
        ]}
      />
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <Panel title={t("queues.byPriority")}>
          <Stack gap="sm">
            {(["urgent", "high", "normal", "low"] as const).map((each) => (
              <div key={each}>
                <Group justify="space-between">
                  <Text size="sm">{t(`priorities.${each}`)}</Text>
                  <Text size="sm" className="numbers">
                    {count(numbers.byPriority[each])}
                  </Text>
                </Group>
                <Progress
                  value={(100 * numbers.byPriority[each]) / most}
                  size="sm"
                  aria-label={t(`priorities.${each}`)}
                />
              </div>
            ))}
          </Stack>
        </Panel>
        <Panel title={t("queues.byPerson")}>
          <Stack gap="sm">
            {numbers.byAssignee.slice(0, 8).map((each) => (
              <Group key={each.id ?? ""} justify="space-between" wrap="nowrap">
                {each.id ? <Person who={each} /> : <Text size="sm">{t("tasks.nobody")}</Text>}
                <Text size="sm" className="numbers">
                  {count(each.count)}
                </Text>
              </Group>
            ))}
          </Stack>
        </Panel>
      </SimpleGrid>
    </Stack>
  );
}
