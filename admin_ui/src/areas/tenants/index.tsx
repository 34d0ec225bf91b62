/** The organisations of this platform, for its operators: open one to act in it. */
import { Badge, Button, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { actIn, CORE } from "@/auth/session";
import { Failure, Loading } from "@/ui/states";

export function Tenants() {
  const { t } = useTranslation();
  const { api } = useMe();
  const tenants = useQuery({ queryKey: ["tenants"], queryFn: () => data(api.GET("/api/v1/tenants")) });
  if (tenants.error) return <Failure error={tenants.error} retry={() => tenants.refetch()} />;
  if (!tenants.data) return <Loading />;
  return (
    <>
      <Title order={1} size="h3" mb="md">
        {t("tenants.title")}
      </Title>
      <Table.ScrollContainer minWidth={600}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("tenants.name")}</Table.Th>
              <Table.Th>{t("tenants.id")}</Table.Th>
              <Table.Th>{t("tenants.issuer")}</Table.Th>
              <Table.Th>{t("tenants.state")}</Table.Th>
              <Table.Td />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {tenants.data.items
              .filter(({ id }) => id !== CORE)
              .map((tenant) => (
                <Table.Tr key={tenant.id}>
                  <Table.Td>{tenant.displayName ?? tenant.id}</Table.Td>
                  <Table.Td>{tenant.id}</Table.Td>
                  <Table.Td>
                    <Text size="sm" truncate maw={360}>
                      {tenant.issuer}
                    </Text>
                  </Table.Td>
                  <Table.Td>
                    <Badge color={tenant.state === "active" ? "green" : "yellow"}>
                      {t(`tenants.states.${tenant.state}`)}
                    </Badge>
                  </Table.Td>
                  <Table.Td>
                    <Button size="xs" variant="light" onClick={() => actIn(tenant.id)}>
                      {t("tenants.open", { name: tenant.displayName ?? tenant.id })}
                    </Button>
                  </Table.Td>
                </Table.Tr>
              ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  );
}
