/** Runs a trigger for a record that was reported, or for one that is typed here. */
import { Button, Group, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import type { Done } from "@/automation/kind";
import { faultOfJson, JsonEditor } from "@/ui/JsonEditor";

interface RunNowProps {
  id: string;
  close: () => void;
  done: Done;
}

export function RunNow({ id, close, done }: RunNowProps) {
  const { t } = useTranslation();
  const { api } = useMe();
  const [recordId, setRecordId] = useState("");
  const [record, setRecord] = useState("{}");
  async function run() {
    const body = recordId.trim() ? { recordId: recordId.trim() } : { record: JSON.parse(record) };
    const ran = await done(
      () =>
        data(
          api.POST("/api/v1/triggers/{trigger_id}/run", {
            params: { path: { trigger_id: id } },
            body: body as never,
          }),
        ),
      t("triggers.said.ran"),
    );
    if (ran) close();
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <Stack gap="sm">
        <TextInput
          label={t("triggers.recordId")}
          description={t("triggers.recordIdHint")}
          value={recordId}
          onChange={(event) => setRecordId(event.currentTarget.value)}
          data-autofocus
        />
        {!recordId.trim() && (
          <JsonEditor label={t("triggers.record")} value={record} onChange={setRecord} minRows={5} />
        )}
        <Group justify="flex-end">
          <Button
            type="submit"
            disabled={!recordId.trim() && (!record.trim() || Boolean(faultOfJson(record)))}
          >
            {t("triggers.run")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
