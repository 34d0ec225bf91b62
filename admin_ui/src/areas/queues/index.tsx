/** The queues that one has a right in, each with its numbers, live. */
import { Badge, Card, Group, SimpleGrid, Text, Title } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { useEvents } from "@/live/events";
import { Empty, Failure, Loading } from "@/ui/states";
import { useQueues } from "./useQueues";

export function Queues() {
  const { t } = useTranslation();
  const queues = useQueues();
  if (queues.error) return <Failure error={queues.error} retry={() => queues.refetch()} />;
  if (!queues.data) return <Loading />;
  return (
    <>
      <Title order={1} size="h3" mb="md">
        {t("queues.title")}
      </Title>
      {queues.data.length === 0 && <Empty title={t("queues.empty")} hint={t("queues.emptyHint")} />}
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {queues.data.map((queue) => (
          <QueueCard key={queue.key} queue={queue} />
        ))}
      </SimpleGrid>
    </>
  );
}

function QueueCard({ queue }: { queue: Schemas["QueueView"] }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const key = [tenant, "queues", queue.key, "metrics"];
  const path = { namespace: queue.namespace, name: queue.name };
  const metrics = useQuery({
    queryKey: key,
    queryFn: () => data(api.GET("/api/v1/queues/{namespace}/{name}/metrics", { params: { path } })),
  });
  useEvents(queue.key, () => cache.invalidateQueries({ queryKey: key }));
  return (
    <Card withBorder>
      <Group justify="space-between" wrap="nowrap">
        <Text fw={600} truncate>
          {queue.displayName ?? queue.key}
        </Text>
        {queue.paused && <Badge color="yellow">{t("queues.paused")}</Badge>}
      </Group>
      <Text size="sm" c="dimmed">
        {queue.key}
      </Text>
      {metrics.data && (
        <Group mt="sm" className="numbers">
          <Text size="sm">
            {t("queues.ready")}: {metrics.data.byState.ready}
          </Text>
          <Text size="sm">
            {t("queues.inProgress")}: {metrics.data.byState["in-progress"]}
          </Text>
        </Group>
      )}
    </Card>
  );
}
