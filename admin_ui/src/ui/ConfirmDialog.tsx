/** The dialog of a question before something final. */
import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Asked } from "./confirm";

export default function ConfirmDialog({ asked, close }: { asked: Asked; close: () => void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const answer = (yes: boolean) => {
    asked.answer(yes);
    close();
  };
  return (
    <Modal opened onClose={() => answer(false)} title={asked.title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          answer(true);
        }}
      >
        <Stack>
          {typeof asked.body === "string" ? <Text size="sm">{asked.body}</Text> : asked.body}
          {asked.typed && (
            <TextInput
              label={t("action.typeToConfirm", { text: asked.typed })}
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              autoComplete="off"
              data-autofocus
            />
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => answer(false)}>
              {t("action.keep")}
            </Button>
            <Button type="submit" color="red" disabled={Boolean(asked.typed) && typed !== asked.typed}>
              {asked.yes}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
