/** What a view shows while it has nothing to show: loading, empty, failed. Every view uses these. */
import { Alert, Button, Center, Group, Loader, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconInbox } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problems";

export function Loading({ page = false }: { page?: boolean }) {
  const { t } = useTranslation();
  return (
    <Center mih={page ? "100vh" : 160} role="status" aria-label={t("state.loading")}>
      <Loader size="sm" type="dots" />
    </Center>
  );
}

export function Empty({ title, hint, action }: { title: string; hint?: string; action?: ReactNode }) {
  return (
    <Center mih={160} p="lg">
      <Stack align="center" gap="xs">
        <IconInbox size={32} stroke={1.2} aria-hidden />
        <Text fw={600}>{title}</Text>
        {hint && (
          <Text c="dimmed" size="sm" ta="center" maw={420}>
            {hint}
          </Text>
        )}
        {action}
      </Stack>
    </Center>
  );
}

/** Says what went wrong and what to do; a refusal for lack of rights names them. */
export function Failure({ error, retry }: { error: Error; retry?: () => void }) {
  const { t } = useTranslation();
  const problem = error instanceof Problem ? error : null;
  const away = error instanceof TypeError && /fetch|network/i.test(error.message);
  const hint = problem
    ? t(`problem.${problem.status}`, { defaultValue: "" })
    : away
      ? t("problem.network")
      : "";
  return (
    <Alert
      role="alert"
      color="red"
      icon={<IconAlertTriangle aria-hidden />}
      title={problem?.body.title ?? t("problem.title")}
      m="md"
    >
      <Stack gap="xs">
        <Text size="sm">{error.message}</Text>
        {hint && <Text size="sm">{hint}</Text>}
        <Group gap="sm">
          {retry && (
            <Button size="xs" variant="light" color="red" onClick={retry}>
              {t("action.again")}
            </Button>
          )}
          {problem?.body.requestId && (
            <Text size="xs" c="dimmed">
              {t("problem.request", { id: problem.body.requestId })}
            </Text>
          )}
        </Group>
      </Stack>
    </Alert>
  );
}
