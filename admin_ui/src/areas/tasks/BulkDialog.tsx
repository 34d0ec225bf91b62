/** Before many tasks are changed: how many, and which first. Then how far it is, with a way to stop it. */
import { Button, Group, List, Modal, Progress, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useMe } from "@/auth/SessionProvider";
import { count } from "@/ui/format";
import { Failure } from "@/ui/states";
import { titleOf } from "./Table";
import { type Preview, type Status, useBulk } from "./useBulk";

interface Props {
  preview: Preview;
  /** It was begun already. */
  begun?: Status;
  /** Told when it is over: true when something was done. */
  close: (done: boolean) => void;
}

const SHOWN = 5;

export function BulkDialog({ preview, begun, close }: Props) {
  const { t } = useTranslation();
  const bulk = useBulk();
  const [started, setStarted] = useState(begun);
  const [busy, setBusy] = useState(false);
  const { kind } = preview.action;
  const over = (status: Status) => {
    bulk.tell(status);
    close(true);
  };
  async function run() {
    setBusy(true);
    const status = await bulk.run(preview.token);
    setBusy(false);
    if (status && status.state !== "running") over(status);
    else setStarted(status);
  }
  return (
    <Modal opened onClose={() => close(Boolean(started))} title={t(`tasks.askAll.${kind}`)}>
      {started ? (
        <Running status={started} over={over} />
      ) : (
        <Stack>
          <Text size="sm">
            {t(`tasks.touches.${kind}`, { count: preview.count, said: count(preview.count) })}
          </Text>
          {preview.count > 0 && (
            <List size="sm">
              {preview.sample.slice(0, SHOWN).map((task) => (
                <List.Item key={task.id}>{titleOf(task)}</List.Item>
              ))}
              {preview.count > SHOWN && (
                <List.Item>{t("tasks.others", { count: preview.count - SHOWN })}</List.Item>
              )}
            </List>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => close(false)}>
              {t("action.keep")}
            </Button>
            {preview.count > 0 && (
              <Button
                color={kind === "cancel" ? "red" : undefined}
                onClick={run}
                loading={busy}
                data-autofocus
              >
                {t(`tasks.doAll.${kind}`, { count: preview.count, said: count(preview.count) })}
              </Button>
            )}
          </Group>
        </Stack>
      )}
    </Modal>
  );
}

function Running({ status, over }: { status: Status; over: (status: Status) => void }) {
  const { t } = useTranslation();
  const { tenant } = useMe();
  const bulk = useBulk();
  const looked = useQuery({
    queryKey: [tenant, "bulk", status.token],
    queryFn: () => bulk.look(status.token),
    initialData: status,
    refetchInterval: 700,
    staleTime: 0,
    gcTime: 0,
  });
  const now = looked.data;
  const ended = now.state !== "running";
  // biome-ignore lint/correctness/useExhaustiveDependencies: told once, when it has ended.
  useEffect(() => {
    if (ended) over(now);
  }, [ended]);
  if (looked.error) return <Failure error={looked.error} retry={() => looked.refetch()} />;
  const come = now.done + now.skipped;
  return (
    <Stack>
      <Text size="sm" role="status">
        {t("tasks.bulkProgress", { done: count(come), total: count(now.total) })}
      </Text>
      <Progress
        value={(100 * come) / Math.max(1, now.total)}
        aria-label={t(`tasks.askAll.${now.action.kind}`)}
      />
      <Text size="sm" c="dimmed">
        {t("tasks.bulkGoesOn")}
      </Text>
      <Group justify="flex-end">
        <Button
          variant="default"
          onClick={async () => {
            const stopped = await bulk.stop(now.token);
            if (stopped) over(stopped);
          }}
        >
          {t("tasks.bulkStop")}
        </Button>
      </Group>
    </Stack>
  );
}
