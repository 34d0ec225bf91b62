/** Submits a task by hand: its queue, what it is about, and its params by the queue's schema. */
import {
  Button,
  Group,
  Modal,
  SegmentedControl,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useGo } from "@/app/go";
import { partsOf } from "@/areas/queues/useQueues";
import { useMe } from "@/auth/SessionProvider";
import { hasFields, SchemaForm } from "@/forms";
import { useAct } from "@/ui/act";
import type { Queue } from "./rights";
import { PRIORITIES } from "./view";

interface Props {
  opened: boolean;
  close: () => void;
  queues: Queue[];
  first?: string;
}

export function NewTask(props: Props) {
  const { t } = useTranslation();
  return (
    <Modal opened={props.opened} onClose={props.close} title={t("tasks.new")} size="lg">
      <Fields {...props} />
    </Modal>
  );
}

function Fields({ close, queues, first }: Props) {
  const { t } = useTranslation();
  const { api } = useMe();
  const go = useGo();
  const act = useAct();
  const open = queues.filter(({ rights }) => rights.includes("submit"));
  const [key, setKey] = useState<string | null>(
    open.find((queue) => queue.key === first)?.key ?? open[0]?.key ?? null,
  );
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const queue = open.find((each) => each.key === key);
  const [priority, setPriority] = useState<string>("");
  const [params, setParams] = useState<unknown>(undefined);
  const schema = queue?.paramsSchema;

  async function submit(body: unknown) {
    if (!key) return;
    const task = await act(
      () =>
        data(
          api.POST("/api/v1/queues/{namespace}/{name}/tasks", {
            params: { path: partsOf(key) },
            body: {
              name: name.trim() || undefined,
              description: description.trim() || undefined,
              priority: (priority || undefined) as never,
              params: body as never,
            },
          }),
        ),
      t("tasks.said.submitted"),
    );
    if (task) {
      close();
      go(`tasks/${task.id}`);
    }
  }

  const buttons = (
    <Group justify="flex-end" mt="md">
      <Button variant="default" onClick={close}>
        {t("action.cancel")}
      </Button>
      <Button type="submit" form="new-task" disabled={!key}>
        {t("tasks.submit")}
      </Button>
    </Group>
  );
  return (
    <Stack gap="sm">
      <Select
        label={t("tasks.columns.queue")}
        data={open.map((each) => ({ value: each.key, label: each.displayName ?? each.key }))}
        value={key}
        onChange={setKey}
        searchable
        allowDeselect={false}
      />
      <TextInput
        label={t("tasks.name")}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        maxLength={200}
        data-autofocus
      />
      <Textarea
        label={t("tasks.description")}
        value={description}
        onChange={(event) => setDescription(event.currentTarget.value)}
        autosize
        minRows={2}
      />
      <div>
        <Text size="sm" fw={500} id="new-priority">
          {t("tasks.priority")}
        </Text>
        <SegmentedControl
          aria-labelledby="new-priority"
          size="xs"
          data={[...PRIORITIES].reverse().map((each) => ({ value: each, label: t(`priorities.${each}`) }))}
          value={priority || queue?.defaults.priority || "normal"}
          onChange={setPriority}
        />
      </div>
      {hasFields(schema) ? (
        <SchemaForm id="new-task" schema={schema} value={params} onChange={setParams} onSubmit={submit}>
          {buttons}
        </SchemaForm>
      ) : (
        <form
          id="new-task"
          onSubmit={(event) => {
            event.preventDefault();
            submit(undefined);
          }}
        >
          {buttons}
        </form>
      )}
    </Stack>
  );
}
