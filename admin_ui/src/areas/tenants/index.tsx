/** The organisations of this platform, for its operators: made, opened, suspended, brought back. */
import {
  ActionIcon,
  Button,
  Group,
  Menu,
  Modal,
  SegmentedControl,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { IconDots, IconPlus } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { actIn, CORE } from "@/auth/session";
import { useAct, wordsOf } from "@/ui/act";
import { confirmed } from "@/ui/confirm";
import { Listing } from "@/ui/Listing";
import { Ago, Fact, Head, Json, StateMark } from "@/ui/parts";

const Limits = lazy(async () => ({ default: (await import("./Limits")).Limits }));

type Tenant = Schemas["TenantView"];

export function Tenants() {
  const { t } = useTranslation();
  const { api } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  const [making, setMaking] = useState(false);
  const [limiting, setLimiting] = useState<Tenant | null>(null);
  const tenants = useQuery({ queryKey: ["tenants"], queryFn: () => data(api.GET("/api/v1/tenants")) });
  const again = () => cache.invalidateQueries({ queryKey: ["tenants"] });
  async function setState({ id }: Tenant, state: "active" | "suspended") {
    await act(() =>
      data(
        api.PATCH("/api/v1/tenants/{tenant}", { params: { path: { tenant: id } }, body: { state } as never }),
      ),
    );
    await again();
  }
  async function remove({ id }: Tenant) {
    const title = t("tenants.ask.remove", { name: id });
    if (!(await confirmed({ title, body: t("tenants.removeHint"), yes: t("action.delete"), typed: id })))
      return;
    await act(
      () => api.DELETE("/api/v1/tenants/{tenant}", { params: { path: { tenant: id } } }),
      t("tenants.said.removed"),
    );
    await again();
  }
  return (
    <>
      <Head title={t("tenants.title")}>
        <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setMaking(true)}>
          {t("tenants.new")}
        </Button>
      </Head>
      <Listing<Tenant>
        label={t("tenants.title")}
        rows={tenants.data?.items.filter(({ id }) => id !== CORE)}
        query={tenants}
        keyOf={({ id }) => id}
        empty={{ title: t("tenants.empty") }}
        columns={[
          {
            name: t("tenants.name"),
            cell: ({ id, displayName }) => <Text fw={500}>{displayName ?? id}</Text>,
          },
          { name: t("tenants.id"), cell: ({ id }) => id },
          {
            name: t("tenants.issuer"),
            cell: ({ issuer }) => (
              <Text size="sm" c="dimmed" truncate maw={320}>
                {issuer}
              </Text>
            ),
          },
          { name: t("tenants.state"), cell: ({ state }) => <StateMark state={state} /> },
          { name: t("tasks.created"), cell: ({ createdAt }) => <Ago at={createdAt} /> },
          {
            name: "",
            width: 200,
            cell: (tenant) => (
              <Group gap={6} wrap="nowrap" justify="flex-end">
                <Button size="xs" variant="light" onClick={() => actIn(tenant.id)}>
                  {t("tenants.open", { name: tenant.displayName ?? tenant.id })}
                </Button>
                <Menu position="bottom-end">
                  <Menu.Target>
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      aria-label={t("tenants.actions", { name: tenant.id })}
                    >
                      <IconDots size={16} />
                    </ActionIcon>
                  </Menu.Target>
                  <Menu.Dropdown>
                    <Menu.Item onClick={() => setLimiting(tenant)}>{t("limits.change")}</Menu.Item>
                    {tenant.state === "active" ? (
                      <Menu.Item onClick={() => setState(tenant, "suspended")}>
                        {t("tenants.do.suspend")}
                      </Menu.Item>
                    ) : (
                      <Menu.Item onClick={() => setState(tenant, "active")}>
                        {t("tenants.do.activate")}
                      </Menu.Item>
                    )}
                    <Menu.Item color="red" onClick={() => remove(tenant)}>
                      {t("action.delete")}
                    </Menu.Item>
                  </Menu.Dropdown>
                </Menu>
              </Group>
            ),
          },
        ]}
      />
      <Suspense>{limiting && <Limits tenant={limiting} close={() => setLimiting(null)} />}</Suspense>
      {making && <New close={() => setMaking(false)} made={again} />}
    </>
  );
}

function New({ close, made }: { close: () => void; made: () => void }) {
  const { t } = useTranslation();
  const { api } = useMe();
  const [id, setId] = useState("");
  const [name, setName] = useState("");
  const [way, setWay] = useState("issuer");
  const [issuer, setIssuer] = useState("");
  const [admin, setAdmin] = useState({ username: "", email: "", givenName: "", familyName: "" });
  const [refusal, setRefusal] = useState("");
  const [busy, setBusy] = useState(false);
  const [credentials, setCredentials] = useState<unknown>(null);

  async function save(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setRefusal("");
    const body = {
      displayName: name.trim() || undefined,
      ...(way === "issuer" ? { issuer: issuer.trim() } : { admin }),
    };
    try {
      const tenant = await data(
        api.PUT("/api/v1/tenants/{tenant}", { params: { path: { tenant: id.trim() } }, body: body as never }),
      );
      made();
      const given = (tenant as { credentials?: unknown }).credentials;
      if (given) setCredentials(given);
      else close();
    } catch (error) {
      setRefusal(wordsOf(error));
    } finally {
      setBusy(false);
    }
  }
  return (
    <Modal opened onClose={close} title={t("tenants.new")} size="lg">
      {credentials !== null ? (
        <Stack>
          <Text size="sm">{t("tenants.credentials")}</Text>
          <Json value={credentials} label={t("tenants.credentials")} />
          <Group justify="flex-end">
            <Button onClick={close}>{t("action.close")}</Button>
          </Group>
        </Stack>
      ) : (
        <form onSubmit={save}>
          <Stack gap="sm">
            <SimpleGrid cols={{ base: 1, xs: 2 }}>
              <TextInput
                label={t("tenants.id")}
                value={id}
                onChange={(event) => setId(event.currentTarget.value)}
                required
                data-autofocus
              />
              <TextInput
                label={t("tenants.name")}
                value={name}
                onChange={(event) => setName(event.currentTarget.value)}
              />
            </SimpleGrid>
            <SegmentedControl
              aria-label={t("tenants.way")}
              data={[
                { value: "issuer", label: t("tenants.ways.issuer") },
                { value: "realm", label: t("tenants.ways.realm") },
              ]}
              value={way}
              onChange={setWay}
            />
            {way === "issuer" ? (
              <TextInput
                label={t("tenants.issuer")}
                type="url"
                value={issuer}
                onChange={(event) => setIssuer(event.currentTarget.value)}
                required
              />
            ) : (
              <Fact name={t("tenants.admin")}>
                <SimpleGrid cols={{ base: 1, xs: 2 }}>
                  {(["username", "email", "givenName", "familyName"] as const).map((key) => (
                    <TextInput
                      key={key}
                      label={t(`tenants.admins.${key}`)}
                      value={admin[key]}
                      onChange={(event) => setAdmin({ ...admin, [key]: event.currentTarget.value })}
                      required
                    />
                  ))}
                </SimpleGrid>
              </Fact>
            )}
            {refusal && (
              <Text size="sm" c="var(--pen-red)" role="alert">
                {refusal}
              </Text>
            )}
            <Group justify="flex-end">
              <Button type="submit" loading={busy} disabled={!id.trim()}>
                {t("tenants.create")}
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
