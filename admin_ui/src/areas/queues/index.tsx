/** The queues that one has a right in, each with its numbers, live. */
import { Badge, Box, Button, Group, SimpleGrid, Skeleton, Text, TextInput } from "@mantine/core";
import { IconPlus, IconSearch } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schemas } from "@/api/client";
import { To, useAddress, useGo } from "@/app/go";
import { useKeys } from "@/app/keyboard";
import { useIsAdmin } from "@/auth/SessionProvider";
import { brief, duration } from "@/ui/format";
import { Head } from "@/ui/parts";
import { Spark } from "@/ui/Spark";
import { Empty, Failure, Loading } from "@/ui/states";
import { useNumbers } from "./useNumbers";
import { useQueues } from "./useQueues";

const MANY = 6;

export function Queues() {
  const { t } = useTranslation();
  const go = useGo();
  const isAdmin = useIsAdmin();
  const queues = useQueues();
  const [address, say] = useAddress();
  const [text, setText] = useState(address.text ?? "");
  const searchBox = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => searchBox.current?.focus(), c: isAdmin ? () => go("queues/new") : undefined });
  if (queues.error) return <Failure error={queues.error} retry={() => queues.refetch()} />;
  if (!queues.data) return <Loading />;
  const shown = queues.data.filter(({ key, displayName }) =>
    `${key} ${displayName ?? ""}`.toLowerCase().includes(text.toLowerCase()),
  );
  const create = isAdmin && (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => go("queues/new")}>
      {t("queues.new")}
    </Button>
  );
  return (
    <>
      <Head title={t("queues.title")}>
        {queues.data.length > MANY && (
          <TextInput
            ref={searchBox}
            type="search"
            aria-label={t("queues.search")}
            placeholder={t("queues.search")}
            leftSection={<IconSearch size={14} aria-hidden />}
            value={text}
            onChange={(event) => {
              setText(event.currentTarget.value);
              say({ text: event.currentTarget.value || undefined });
            }}
          />
        )}
        {create}
      </Head>
      {queues.data.length === 0 && (
        <Empty title={t("queues.empty")} hint={t("queues.emptyHint")} action={create} />
      )}
      <SimpleGrid cols={{ base: 1, sm: 2, xl: 3 }}>
        {shown.map((queue) => (
          <QueueCard key={queue.key} queue={queue} />
        ))}
      </SimpleGrid>
    </>
  );
}

function QueueCard({ queue }: { queue: Schemas["QueueView"] }) {
  const { t } = useTranslation();
  const { metrics, series } = useNumbers(queue.key, queue.rights.includes("read"));
  const numbers = metrics.data;
  const done = series.data?.items.map(({ succeeded }) => succeeded) ?? [];
  const hour = numbers?.rates.lastHour;
  return (
    <Box className="panel" p="md" component="article" aria-label={queue.displayName ?? queue.key}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Box miw={0}>
          <To path={`queues/${encodeURIComponent(queue.key)}`} className="row-link">
            {queue.displayName ?? queue.key}
          </To>
          <Text size="xs" c="dimmed" truncate>
            {queue.key}
          </Text>
        </Box>
        {queue.paused && (
          <Badge tt="none" variant="outline" color="gray" c="var(--pen-amber)">
            {t("queues.paused")}
          </Badge>
        )}
      </Group>
      {numbers ? (
        <>
          <Group mt="md" gap="lg" className="numbers">
            <Figure of={numbers.byState.ready} name={t("states.ready")} tone="var(--pen-blue)" />
            <Figure
              of={numbers.byState["in-progress"]}
              name={t("states.in-progress")}
              tone="var(--pen-amber)"
            />
            <Figure of={numbers.byState.waiting} name={t("states.waiting")} />
            {numbers.deadLetters > 0 && (
              <Figure of={numbers.deadLetters} name={t("queues.deadLetters")} tone="var(--pen-red)" />
            )}
          </Group>
          <Box mt="sm">
            <Spark
              values={done}
              label={t("queues.spark", { count: hour?.succeeded ?? 0 })}
              color="var(--pen-green)"
            />
          </Box>
          <Group justify="space-between" mt={6} gap="xs">
            <Text size="xs" c="dimmed" className="numbers">
              {t("queues.rates", { into: brief(hour?.submitted ?? 0), out: brief(hour?.succeeded ?? 0) })}
            </Text>
            <Text size="xs" c="dimmed" className="numbers">
              {numbers.waitSeconds
                ? t("queues.lead", {
                    wait: duration(numbers.waitSeconds.average),
                    work: duration(numbers.workSeconds?.average ?? 0),
                  })
                : numbers.oldestAgeSeconds != null &&
                  t("queues.oldestAge", { age: duration(numbers.oldestAgeSeconds) })}
            </Text>
          </Group>
        </>
      ) : queue.rights.includes("read") ? (
        <Skeleton height={84} mt="md" />
      ) : (
        <Text size="sm" c="dimmed" mt="md">
          {t("queues.submitOnly")}
        </Text>
      )}
    </Box>
  );
}

function Figure({ of, name, tone }: { of: number; name: string; tone?: string }) {
  return (
    <Box>
      <Text size="xl" fw={600} lh={1.2} c={of > 0 ? tone : "dimmed"}>
        {brief(of)}
      </Text>
      <Text size="xs" c="dimmed">
        {name}
      </Text>
    </Box>
  );
}
