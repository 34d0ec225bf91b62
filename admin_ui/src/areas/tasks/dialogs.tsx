/** The questions before something is done to tasks: who, how urgent, why. */
import { Button, Checkbox, Group, Modal, Radio, Stack, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { localOf } from "@/areas/schedules/draft";
import { PersonPicker } from "@/ui/PersonPicker";
import { PriorityMark } from "@/ui/parts";
import type { Task } from "./rights";
import type { Order, Someone } from "./useTaskActions";
import { PRIORITIES } from "./view";

export type Asking = "assign" | "priority" | "due" | "cancel" | null;

interface Props {
  asking: Asking;
  tasks: Task[];
  /** All that match are meant, not only these. */
  all?: boolean;
  /** What is to be done; the question is closed then. */
  answer: (order: Order) => void;
  /** May give tasks to others, not only to oneself. */
  assigns: boolean;
  close: () => void;
}

export function Dialogs(props: Props) {
  const { t } = useTranslation();
  const { asking, tasks, all, close } = props;
  const title =
    asking && (all ? t(`tasks.askAll.${asking}`) : t(`tasks.ask.${asking}`, { count: tasks.length }));
  const Inner = asking && QUESTIONS[asking];
  return (
    <Modal opened={asking !== null} onClose={close} title={title}>
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

function Assign({ tasks, all, answer, assigns }: Props) {
  const { t } = useTranslation();
  const [to, setTo] = useState<Someone | null>(
    tasks.length === 1 ? ((tasks[0]?.assignment?.to as Someone) ?? null) : null,
  );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        answer({ action: "assign", to });
      }}
    >
      <Stack>
        <PersonPicker
          label={t("tasks.assignee")}
          value={to}
          onChange={setTo}
          queue={all ? undefined : tasks[0]?.queue}
          onlyMe={!assigns}
          nobody={t("tasks.nobody")}
        />
        <Answer label={t(to ? "tasks.do.assign" : "tasks.do.unassign")} />
      </Stack>
    </form>
  );
}

function Prioritize({ tasks, answer }: Props) {
  const { t } = useTranslation();
  const [priority, setPriority] = useState<string>(
    tasks.length === 1 ? (tasks[0]?.priority ?? "normal") : "normal",
  );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        answer({ action: "priority", priority });
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

function DueDate({ tasks, answer }: Props) {
  const { t } = useTranslation();
  const [at, setAt] = useState(tasks.length === 1 && tasks[0]?.dueDate ? localOf(tasks[0].dueDate) : "");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        answer({ action: "due", dueDate: at ? new Date(at).toISOString() : null });
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

function Cancel({ tasks, all, answer }: Props) {
  const { t } = useTranslation();
  const [reason, setReason] = useState("");
  const [now, setNow] = useState(false);
  const runs = all || tasks.some((task) => task.state === "in-progress");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        answer({ action: "cancel", reason: reason.trim(), now });
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
