/** What belongs to a task and is kept elsewhere: links, opened in a tab of their own. */
import { ActionIcon, Anchor, Button, Group, Stack, TextInput } from "@mantine/core";
import { IconPaperclip, IconPlus, IconX } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { Panel } from "@/ui/parts";
import type { Task } from "./rights";

type Attachment = Schemas["Attachment"];

export function Attachments({ task, may, changed }: { task: Task; may: boolean; changed: () => void }) {
  const { t } = useTranslation();
  const { api } = useMe();
  const act = useAct();
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [adding, setAdding] = useState(false);
  const all: Attachment[] = task.attachments ?? [];
  if (all.length === 0 && !may) return null;

  async function put(attachments: Attachment[]) {
    const done = await act(() =>
      data(
        api.PATCH("/api/v1/tasks/{task_id}", {
          params: { path: { task_id: task.id } },
          body: { attachments } as never,
        }),
      ),
    );
    if (done) {
      setAdding(false);
      setName("");
      setUrl("");
      changed();
    }
  }
  return (
    <Panel
      title={t("attachments.title")}
      actions={
        may &&
        !adding && (
          <Button
            size="compact-xs"
            variant="subtle"
            leftSection={<IconPlus size={13} aria-hidden />}
            onClick={() => setAdding(true)}
          >
            {t("attachments.add")}
          </Button>
        )
      }
    >
      <Stack gap="xs">
        {all.map((each) => (
          <Group key={each.url} justify="space-between" wrap="nowrap">
            <Group gap="xs" wrap="nowrap" miw={0}>
              <IconPaperclip size={15} aria-hidden />
              <Anchor href={each.url} target="_blank" rel="noreferrer" size="sm" truncate>
                {each.name}
              </Anchor>
            </Group>
            {may && (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                aria-label={t("attachments.remove", { name: each.name })}
                onClick={() => put(all.filter((other) => other !== each))}
              >
                <IconX size={14} />
              </ActionIcon>
            )}
          </Group>
        ))}
        {adding && (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              put([...all, { name: name.trim() || url.trim(), url: url.trim(), mediaType: null }]);
            }}
          >
            <Group align="flex-end" gap="xs">
              <TextInput
                size="xs"
                label={t("attachments.url")}
                type="url"
                value={url}
                onChange={(event) => setUrl(event.currentTarget.value)}
                required
                autoFocus
                style={{ flex: 2 }}
              />
              <TextInput
                size="xs"
                label={t("queues.name")}
                value={name}
                onChange={(event) => setName(event.currentTarget.value)}
                style={{ flex: 1 }}
              />
              <Button size="xs" type="submit">
                {t("attachments.add")}
              </Button>
            </Group>
          </form>
        )}
      </Stack>
    </Panel>
  );
}
