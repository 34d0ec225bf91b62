/** Keeps the present view under a name. */
import { Button, Checkbox, Group, Modal, Stack, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { type View, wantedOf } from "./view";

export function SaveView({ view, close }: { view: View; close: () => void }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);

  async function save() {
    const wanted = wantedOf(view) as never;
    const kept = await act(
      () => data(api.POST("/api/v1/filters", { body: { name: name.trim(), shared, wanted } })),
      t("views.saved"),
    );
    if (!kept) return;
    await cache.invalidateQueries({ queryKey: [tenant, "filters"] });
    close();
  }
  return (
    <Modal opened onClose={close} title={t("views.save")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <Stack>
          <TextInput
            label={t("queues.name")}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            required
            data-autofocus
          />
          <Checkbox
            label={t("views.shared")}
            checked={shared}
            onChange={(event) => setShared(event.currentTarget.checked)}
          />
          <Group justify="flex-end">
            <Button type="submit" disabled={!name.trim()}>
              {t("action.save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
