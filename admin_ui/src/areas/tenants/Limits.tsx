/** What an operator allows an organisation to take. */
import { Button, Group, Modal, NumberInput, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { draftOf, LIMITS, quotasOf } from "./quotas";

export function Limits({ tenant, close }: { tenant: Schemas["TenantView"]; close: () => void }) {
  const { t } = useTranslation();
  const { api } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  const [draft, setDraft] = useState(() => draftOf(tenant.quotas));
  const [busy, setBusy] = useState(false);
  async function save(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    const saved = await act(
      () =>
        data(
          api.PATCH("/api/v1/tenants/{tenant}", {
            params: { path: { tenant: tenant.id } },
            body: { quotas: quotasOf(draft, tenant.quotas) } as never,
          }),
        ),
      t("queues.said.saved"),
    );
    setBusy(false);
    if (!saved) return;
    await cache.invalidateQueries({ queryKey: ["tenants"] });
    await cache.invalidateQueries({ queryKey: [tenant.id, "settings"] });
    await cache.invalidateQueries({ queryKey: [tenant.id, "usage"] });
    close();
  }
  return (
    <Modal opened onClose={close} title={t("limits.of", { name: tenant.displayName ?? tenant.id })} size="lg">
      <form onSubmit={save}>
        <Stack>
          <Text size="sm" c="dimmed">
            {t("limits.hint")}
          </Text>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            {LIMITS.map((limit, at) => (
              <NumberInput
                key={limit}
                label={t(`limits.names.${limit}`)}
                placeholder={t("queues.noLimit")}
                min={0}
                allowDecimal={limit === "submitsPerSecond"}
                thousandSeparator=" "
                value={draft[limit]}
                onChange={(value) => setDraft({ ...draft, [limit]: value === "" ? "" : Number(value) })}
                data-autofocus={at === 0 || undefined}
              />
            ))}
          </SimpleGrid>
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={busy}>
              {t("action.save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
