/** The organisation's own settings: its name, which addresses its tasks may call, and its secrets. */
import { ActionIcon, Button, Group, PasswordInput, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { confirmed } from "@/ui/confirm";
import { Ago, Fact, Head, Panel } from "@/ui/parts";
import { Failure, Loading } from "@/ui/states";
import { Usage } from "./Usage";

export function Settings() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const settings = useQuery({
    queryKey: [tenant, "settings"],
    queryFn: () => data(api.GET("/api/v1/tenants/{tenant}", { params: { path: { tenant } } })),
  });
  if (settings.error) return <Failure error={settings.error} retry={() => settings.refetch()} />;
  if (!settings.data) return <Loading />;
  return (
    <div style={{ maxWidth: 820 }}>
      <Head title={t("settings.title")} below={settings.data.id} />
      <Stack>
        <General settings={settings.data} key={settings.data.version} />
        <Usage settings={settings.data} />
        <Secrets />
      </Stack>
    </div>
  );
}

function General({ settings }: { settings: Schemas["TenantView"] }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  const [name, setName] = useState(settings.displayName ?? "");
  const [policy, setPolicy] = useState(settings.policyUrl ?? "");
  const [allow, setAllow] = useState<string[]>([...(settings.httpTargets.allow ?? [])]);
  async function save() {
    const body = {
      displayName: name.trim() || null,
      policyUrl: policy.trim() || null,
      httpTargets: { allow },
    };
    const saved = await act(
      () =>
        data(api.PATCH("/api/v1/tenants/{tenant}", { params: { path: { tenant } }, body: body as never })),
      t("queues.said.saved"),
    );
    if (saved) cache.setQueryData([tenant, "settings"], saved);
  }
  return (
    <Panel title={t("settings.general")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <Stack gap="sm">
          <TextInput
            label={t("queues.displayName")}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Fact name={t("tenants.issuer")}>{settings.issuer}</Fact>
          <TextInput
            label={t("settings.policy")}
            description={t("settings.policyHint")}
            type="url"
            value={policy}
            onChange={(event) => setPolicy(event.currentTarget.value)}
          />
          <TagsInput
            label={t("settings.targets")}
            description={t("settings.targetsHint")}
            value={allow}
            onChange={setAllow}
          />
          <Group justify="flex-end">
            <Button type="submit">{t("action.save")}</Button>
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}

function Secrets() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const key = [tenant, "secrets"];
  const secrets = useQuery({ queryKey: key, queryFn: () => data(api.GET("/api/v1/secrets")) });
  async function keep() {
    const path = { name: name.trim() };
    const kept = await act(async () => {
      await api.PUT("/api/v1/secrets/{name}", { params: { path }, body: { value } as never });
      return true;
    }, t("queues.said.saved"));
    if (!kept) return;
    setName("");
    setValue("");
    await cache.invalidateQueries({ queryKey: key });
  }
  async function forget(which: string) {
    const title = t("settings.ask.forget", { name: which });
    if (!(await confirmed({ title, body: t("settings.forgetHint"), yes: t("action.delete") }))) return;
    await act(() => api.DELETE("/api/v1/secrets/{name}", { params: { path: { name: which } } }));
    await cache.invalidateQueries({ queryKey: key });
  }
  return (
    <Panel title={t("settings.secrets")}>
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          {t("settings.secretsHint")}
        </Text>
        {secrets.error && <Failure error={secrets.error} retry={() => secrets.refetch()} />}
        {secrets.isPending && <Loading />}
        {secrets.data?.items.map((each) => (
          <Group key={each.name} justify="space-between">
            <Text size="sm" fw={500}>
              {each.name}
            </Text>
            <Group gap="sm">
              <Text size="xs" c="dimmed" component="div">
                <Ago at={each.updatedAt} />
              </Text>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t("settings.forget", { name: each.name })}
                onClick={() => forget(each.name)}
              >
                <IconTrash size={15} />
              </ActionIcon>
            </Group>
          </Group>
        ))}
        <form
          onSubmit={(event) => {
            event.preventDefault();
            keep();
          }}
        >
          <Group align="flex-end" gap="xs">
            <TextInput
              label={t("queues.name")}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              required
            />
            <PasswordInput
              label={t("settings.value")}
              value={value}
              onChange={(event) => setValue(event.currentTarget.value)}
              autoComplete="new-password"
              required
              style={{ flex: 1 }}
              visibilityToggleButtonProps={{ "aria-label": t("settings.show") }}
            />
            <Button type="submit" variant="default" disabled={!name.trim() || !value}>
              {t("settings.keep")}
            </Button>
          </Group>
        </form>
      </Stack>
    </Panel>
  );
}
