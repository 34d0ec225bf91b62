/** What exhausted its attempts: looked at, filtered, and run again at a rate, which can be undone. */
import { Button, Checkbox, Group, NumberInput, Progress, Stack, Table, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconRotate } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { To } from "@/app/go";
import { useMe } from "@/auth/SessionProvider";
import { useEvents } from "@/live/events";
import { useAct } from "@/ui/act";
import { count } from "@/ui/format";
import { Ago, Panel, StateMark } from "@/ui/parts";
import { Empty, Failure, Loading } from "@/ui/states";
import { useGathered } from "./useNumbers";
import { partsOf } from "./useQueues";

type Queue = Schemas["QueueView"];

/** An error in a line: its message where it has one. */
function said(error: unknown): string {
  if (error === undefined) return "—";
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === "string" ? message : JSON.stringify(error);
}

export function DeadLetters({ queue }: { queue: Queue }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  const [text, setText] = useState("");
  const [label, setLabel] = useState("");
  const [rate, setRate] = useState<number | "">(10);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [filter] = useDebouncedValue(
    { text: text.trim() || undefined, label: label.trim() || undefined },
    300,
  );
  const at = [tenant, "dead", queue.key];
  const path = partsOf(queue.key);
  const dead = useInfiniteQuery({
    queryKey: [...at, filter],
    queryFn: ({ pageParam }) =>
      data(
        api.GET("/api/v1/queues/{namespace}/{name}/tasks", {
          params: { path, query: { dead: true, limit: 50, after: pageParam, ...filter } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
  });
  const again = useGathered(() => {
    cache.invalidateQueries({ queryKey: at });
  }, 800);
  useEvents(queue.key, again);
  const redrives = queue.rights.includes("redrive");

  async function redrive() {
    const body: Schemas["RedriveBody"] = { ratePerSecond: rate === "" ? undefined : rate };
    if (chosen.size > 0) body.ids = [...chosen];
    else if (filter.text || filter.label) body.filter = filter;
    const order = await act(
      () => data(api.POST("/api/v1/queues/{namespace}/{name}/redrive", { params: { path }, body })),
      t("queues.said.redriven"),
    );
    if (order) setChosen(new Set());
    await cache.invalidateQueries({ queryKey: [tenant, "redrives", queue.key] });
    await cache.invalidateQueries({ queryKey: at });
  }

  if (dead.error) return <Failure error={dead.error} retry={() => dead.refetch()} />;
  if (!dead.data) return <Loading />;
  const tasks = dead.data.pages.flatMap(({ items }) => items);
  return (
    <Stack>
      <Group justify="space-between" align="flex-end">
        <Group gap="xs">
          <TextInput
            size="xs"
            label={t("tasks.search")}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <TextInput
            size="xs"
            label={t("queues.label")}
            value={label}
            onChange={(event) => setLabel(event.currentTarget.value)}
          />
        </Group>
        {redrives && (
          <Group gap="xs" align="flex-end">
            <NumberInput
              size="xs"
              w={120}
              label={t("queues.rate")}
              placeholder={t("queues.noLimit")}
              min={0.1}
              value={rate}
              onChange={(value) => setRate(value === "" ? "" : Number(value))}
            />
            <Button
              size="xs"
              leftSection={<IconRotate size={14} aria-hidden />}
              onClick={redrive}
              disabled={tasks.length === 0}
            >
              {chosen.size > 0
                ? t("queues.do.redriveChosen", { count: chosen.size })
                : t(filter.text || filter.label ? "queues.do.redriveMatching" : "queues.do.redriveAll")}
            </Button>
          </Group>
        )}
      </Group>
      {redrives && <Redrives queue={queue} />}
      <Panel pad={false}>
        {tasks.length === 0 ? (
          <Empty title={t("tasks.empty.dead")} hint={t("queues.deadHint")} />
        ) : (
          <Table.ScrollContainer minWidth={620}>
            <Table className="plain-table">
              <Table.Thead>
                <Table.Tr>
                  {redrives && <Table.Td w={36} />}
                  <Table.Th>{t("tasks.task")}</Table.Th>
                  <Table.Th>{t("tasks.reason")}</Table.Th>
                  <Table.Th>{t("tasks.error")}</Table.Th>
                  <Table.Th>{t("tasks.attempts")}</Table.Th>
                  <Table.Th>{t("tasks.ended")}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {tasks.map((task) => (
                  <Table.Tr key={task.id}>
                    {redrives && (
                      <Table.Td>
                        <Checkbox
                          size="xs"
                          aria-label={t("tasks.choose", { name: task.name ?? task.id })}
                          checked={chosen.has(task.id)}
                          onChange={(event) => {
                            const after = new Set(chosen);
                            if (event.currentTarget.checked) after.add(task.id);
                            else after.delete(task.id);
                            setChosen(after);
                          }}
                        />
                      </Table.Td>
                    )}
                    <Table.Td>
                      <To path={`tasks/${task.id}`} className="row-link">
                        {task.name ?? task.recordId ?? task.id}
                      </To>
                    </Table.Td>
                    <Table.Td>{task.reason?.message ?? task.reason?.type}</Table.Td>
                    <Table.Td>
                      <Text size="xs" ff="monospace" lineClamp={2} maw={280}>
                        {said(task.error)}
                      </Text>
                    </Table.Td>
                    <Table.Td className="numbers">{task.attempt}</Table.Td>
                    <Table.Td>{task.endedAt && <Ago at={task.endedAt} />}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
        {dead.hasNextPage && (
          <Group justify="center" p="sm">
            <Button
              size="xs"
              variant="subtle"
              onClick={() => dead.fetchNextPage()}
              loading={dead.isFetchingNextPage}
            >
              {t("action.more")}
            </Button>
          </Group>
        )}
      </Panel>
    </Stack>
  );
}

const MOVING = new Set(["running", "moving", "active", "undoing"]);

function Redrives({ queue }: { queue: Queue }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  const path = partsOf(queue.key);
  const key = [tenant, "redrives", queue.key];
  const redrives = useQuery({
    queryKey: key,
    queryFn: () => data(api.GET("/api/v1/queues/{namespace}/{name}/redrives", { params: { path } })),
    refetchInterval: (query) =>
      query.state.data?.items.some(({ state }) => MOVING.has(state)) ? 1000 : false,
  });
  if (!redrives.data?.items.length) return null;
  const undo = async (id: string) => {
    await act(
      () =>
        data(
          api.POST("/api/v1/queues/{namespace}/{name}/redrives/{redrive_id}/undo", {
            params: { path: { ...path, redrive_id: id } },
          }),
        ),
      t("queues.said.undone"),
    );
    await cache.invalidateQueries({ queryKey: key });
    await cache.invalidateQueries({ queryKey: [tenant, "dead", queue.key] });
  };
  return (
    <Panel title={t("queues.redrives")}>
      <Stack gap="sm">
        {redrives.data.items.slice(0, 3).map((each) => (
          <Group key={each.id} justify="space-between" wrap="nowrap">
            <Group gap="md" style={{ flex: 1 }}>
              <StateMark state={each.state} />
              <Text size="sm" className="numbers">
                {t("queues.moved", { count: each.moved, moved: count(each.moved) })}
              </Text>
              <Text size="xs" c="dimmed" component="div">
                {each.by.name} · <Ago at={each.createdAt} />
              </Text>
              {MOVING.has(each.state) && each.matched !== undefined && (
                <Progress
                  value={(100 * each.moved) / Math.max(1, each.matched)}
                  w={120}
                  size="sm"
                  aria-hidden
                />
              )}
            </Group>
            {!each.undoneBy && (
              <Button size="compact-xs" variant="subtle" onClick={() => undo(each.id)}>
                {t("queues.do.undo")}
              </Button>
            )}
          </Group>
        ))}
      </Stack>
    </Panel>
  );
}
