/** Says that there is no organisation of that name here, and leads back. */
import { Anchor, Center, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";

export function UnknownTenant({ tenant }: { tenant: string }) {
  const { t } = useTranslation();
  return (
    <Center component="main" mih="100vh" p="md">
      <Stack align="center" gap="xs">
        <Title order={1} size="h3">
          {t("signIn.unknown", { tenant })}
        </Title>
        <Text c="dimmed">{t("signIn.unknownHint")}</Text>
        <Anchor href="/console/">{t("signIn.other")}</Anchor>
      </Stack>
    </Center>
  );
}
