/** The questions before something is done to tasks: who, how urgent, why. */
import { Button, Checkbox, Group, Modal, Radio, Stack, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { localOf } from "@/areas/schedules/draft";
import { PersonPicker } from "@/ui/PersonPicker";
import { PriorityMark } from "@/ui/parts";
import type { Task } from "./rights";
import type { Someone, TaskActions } from "./useTaskActions";
import { PRIORITIES } from "./view";

export type Asking = "assign" | "priority" | "due" | "cancel" | null;

interface Props {
  asking: Asking;
  tasks: Task[];
  actions: TaskActions;
  /** May give tasks to others, not only to oneself. */
  assigns: boolean;
  close: () => void;
}

export function Dialogs(props: Props) {
  const { t } = useTranslation();
  const { asking, tasks, close } = props;
  const Inner = asking && QUESTIONS[asking];
  return (
    <Modal
      opened={asking !== null}
      onClose={close}
      title={asking ? t(`tasks.ask.${asking}`, { count: tasks.length }) : ""}
    >
      {Inner && <Inner {...props} />}
    </Modal>
  );
}

const QUESTIONS = { assign: Assign, priority: Prioritize, due: DueDate, cancel: Cancel };

function Answer({ label, disabled, color }: { label: string; disabled?: boolean; color?: string }) {
  return (
    <Group justify="flex-end">
      <Button type="submit" disabled={disabled} color={color}>
        {label}
      </Button>
    </Group>
  );
}

function Assign({ tasks, actions, assigns, close }: Props) {
  const { t } = useTranslation();
  const [to, setTo] = useState<Someone | null>(
    tasks.length === 1 ? ((tasks[0]?.assignment?.to as Someone) ?? null) : null,
  );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        close();
        actions.assign(tasks, to);
      }}
    >
      <Stack>
        <PersonPicker
          label={t("tasks.assignee")}
          value={to}
          onChange={setTo}
          queue={tasks[0]?.queue}
          onlyMe={!assigns}
          nobody={t("tasks.nobody")}
        />
        <Answer label={t(to ? "tasks.do.assign" : "tasks.do.unassign")} />
      </Stack>
    </form>
  );
}

function Prioritize({ tasks, actions, close }: Props) {
  const { t } = useTranslation();
  const [priority, setPriority] = useState<string>(
    tasks.length === 1 ? (tasks[0]?.priority ?? "normal") : "normal",
  );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        close();
        actions.prioritize(tasks, priority);
      }}
    >
      <Stack>
        <Radio.Group value={priority} onChange={setPriority} aria-label={t("tasks.priority")}>
          <Stack gap="xs">
            {PRIORITIES.map((each) => (
              <Radio
                key={each}
                value={each}
                data-autofocus={each === priority || undefined}
                label={<PriorityMark priority={each} word />}
              />
            ))}
          </Stack>
        </Radio.Group>
        <Answer label={t("tasks.do.priority")} />
      </Stack>
    </form>
  );
}

function DueDate({ tasks, actions, close }: Props) {
  const { t } = useTranslation();
  const [at, setAt] = useState(tasks.length === 1 && tasks[0]?.dueDate ? localOf(tasks[0].dueDate) : "");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        close();
        actions.due(tasks, at ? new Date(at).toISOString() : null);
      }}
    >
      <Stack>
        <TextInput
          type="datetime-local"
          label={t("tasks.due")}
          description={t("tasks.dueHint")}
          value={at}
          onChange={(event) => setAt(event.currentTarget.value)}
          data-autofocus
        />
        <Answer label={t("action.save")} />
      </Stack>
    </form>
  );
}

function Cancel({ tasks, actions, close }: Props) {
  const { t } = useTranslation();
  const [reason, setReason] = useState("");
  const [now, setNow] = useState(false);
  const runs = tasks.some((task) => task.state === "in-progress");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        close();
        actions.cancel(tasks, reason.trim(), now);
      }}
    >
      <Stack>
        <Textarea
          label={t("tasks.reason")}
          description={t("tasks.reasonHint")}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          maxLength={500}
          autosize
          minRows={2}
          data-autofocus
        />
        {runs && (
          <Checkbox
            label={t("tasks.cancelNow")}
            description={t("tasks.cancelNowHint")}
            checked={now}
            onChange={(event) => setNow(event.currentTarget.checked)}
          />
        )}
        <Answer label={t("tasks.do.cancel")} color="red" />
      </Stack>
    </form>
  );
}
