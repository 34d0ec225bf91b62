/** The first page: which organisation's queues to open. The last ones are remembered. */
import { Anchor, Button, Center, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { homeOf, signInOf } from "@/auth/session";
import { remembered } from "./remembered";

export function Landing() {
  const { t } = useTranslation();
  const [tenant, setTenant] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);

  async function open(event: FormEvent) {
    event.preventDefault();
    const named = tenant.trim().toLowerCase();
    setBusy(true);
    try {
      if (await signInOf(named)) window.location.assign(homeOf(named));
      else setError(t("signIn.unknown", { tenant: named }));
    } catch {
      setError(t("problem.network"));
    } finally {
      setBusy(false);
    }
  }

  return (
    <Center component="main" mih="100vh" p="md">
      <Paper withBorder p="xl" w="100%" maw={420} radius="md">
        <form onSubmit={open}>
          <Stack>
            <Title order={1} size="h2">
              Penstock
            </Title>
            <Text c="dimmed">{t("signIn.intro")}</Text>
            <TextInput
              label={t("signIn.organisation")}
              description={t("signIn.organisationHint")}
              value={tenant}
              onChange={(event) => {
                setTenant(event.currentTarget.value);
                setError("");
              }}
              error={error}
              autoFocus
              required
              autoCapitalize="none"
              spellCheck={false}
            />
            <Button type="submit" loading={busy} disabled={!tenant.trim()}>
              {t("signIn.go")}
            </Button>
            {remembered().length > 0 && (
              <Stack gap={4} component="nav" aria-label={t("signIn.last")}>
                <Text size="sm" c="dimmed">
                  {t("signIn.last")}
                </Text>
                {remembered().map((each) => (
                  <Anchor key={each} href={homeOf(each)}>
                    {each}
                  </Anchor>
                ))}
              </Stack>
            )}
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
