/** The form that ends a task: by the definition's schema of results, kept as a draft while it is typed. */
import { Button, Group, Modal, Stack, Switch, Text, Textarea } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconCheck } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { hasFields, SchemaForm } from "@/forms";
import { useAct } from "@/ui/act";
import { Panel } from "@/ui/parts";
import { draftOf, dropDraft, keepDraft, sweepDrafts } from "./draft";
import type { Task } from "./rights";

const PAUSE = 400;
const FORM = "result";

/** Whether nothing was filled in yet. */
function isBlank(value: unknown): boolean {
  return !value || (typeof value === "object" && Object.values(value).every((each) => each === undefined));
}

interface Props {
  task: Task;
  schema: unknown;
  /** Called when the task is out of one's hands. */
  ended: () => void;
}

export function Work({ task, schema, ended }: Props) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  const [value, setValue] = useState<unknown>(() => draftOf(tenant, task.id));
  const [saved, setSaved] = useState(value !== undefined);
  const [failing, setFailing] = useState(false);
  const [busy, setBusy] = useState(false);
  const keep = useDebouncedCallback((typed: unknown) => setSaved(keepDraft(tenant, task.id, typed)), PAUSE);
  useEffect(() => sweepDrafts(), []);

  function type(typed: unknown) {
    setValue(typed);
    // A form says how it begins, too: that is nothing to keep.
    if (!saved && isBlank(typed)) return;
    setSaved(false);
    keep(typed);
  }

  async function end(work: () => Promise<unknown>, said: string) {
    setBusy(true);
    const done = await act(async () => (await work()) ?? true, said);
    setBusy(false);
    if (done === undefined) return;
    keep.cancel();
    dropDraft(tenant, task.id);
    await cache.invalidateQueries({ queryKey: [tenant, "task", task.id] });
    ended();
  }

  const at = { params: { path: { task_id: task.id } } };
  const execId = task.execId as string;
  const complete = (result: unknown) =>
    end(
      () =>
        data(
          api.POST("/api/v1/tasks/{task_id}/complete", { ...at, body: { execId, result: result as never } }),
        ),
      t("tasks.said.completed"),
    );
  const release = () =>
    end(
      () => data(api.POST("/api/v1/tasks/{task_id}/release", { ...at, body: { execId } })),
      t("tasks.said.released"),
    );

  const buttons = (
    <Group justify="space-between" mt="md">
      <Text size="xs" c="dimmed" role="status">
        {saved ? t("tasks.draftKept") : " "}
      </Text>
      <Group gap="xs">
        <Button variant="default" onClick={release} disabled={busy}>
          {t("tasks.do.release")}
        </Button>
        <Button variant="default" onClick={() => setFailing(true)} disabled={busy}>
          {t("tasks.do.fail")}
        </Button>
        <Button type="submit" form={FORM} leftSection={<IconCheck size={16} aria-hidden />} loading={busy}>
          {t("tasks.do.complete")}
        </Button>
      </Group>
    </Group>
  );
  const note = typeof value === "object" && value !== null ? ((value as { note?: string }).note ?? "") : "";
  return (
    <Panel title={t("tasks.work")}>
      {hasFields(schema) ? (
        <SchemaForm id={FORM} schema={schema} value={value} onChange={type} onSubmit={complete}>
          {buttons}
        </SchemaForm>
      ) : (
        <form
          id={FORM}
          onSubmit={(event) => {
            event.preventDefault();
            complete(note.trim() ? { note: note.trim() } : undefined);
          }}
        >
          <Textarea
            label={t("tasks.note")}
            description={t("tasks.noteHint")}
            value={note}
            onChange={(event) => type({ note: event.currentTarget.value })}
            autosize
            minRows={3}
          />
          {buttons}
        </form>
      )}
      <Modal opened={failing} onClose={() => setFailing(false)} title={t("tasks.ask.fail")}>
        <Fail
          answer={(message, retryable) => {
            setFailing(false);
            end(
              () =>
                data(
                  api.POST("/api/v1/tasks/{task_id}/fail", {
                    ...at,
                    body: { execId, error: { message }, retryable },
                  }),
                ),
              t("tasks.said.failed"),
            );
          }}
        />
      </Modal>
    </Panel>
  );
}

function Fail({ answer }: { answer: (message: string, retryable: boolean) => void }) {
  const { t } = useTranslation();
  const [message, setMessage] = useState("");
  const [retryable, setRetryable] = useState(true);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        answer(message.trim(), retryable);
      }}
    >
      <Stack>
        <Textarea
          label={t("tasks.reason")}
          value={message}
          onChange={(event) => setMessage(event.currentTarget.value)}
          autosize
          minRows={2}
          required
          data-autofocus
        />
        <Switch
          label={t("tasks.retryable")}
          checked={retryable}
          onChange={(event) => setRetryable(event.currentTarget.checked)}
        />
        <Group justify="flex-end">
          <Button type="submit" color="red" disabled={!message.trim()}>
            {t("tasks.do.fail")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
