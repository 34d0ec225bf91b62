/** What the organisation may take of the platform, and how much of it is taken. */
import { Button, Group, Progress, SimpleGrid, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { LIMITS, type Limit, written } from "@/areas/tenants/quotas";
import { useMe } from "@/auth/SessionProvider";
import { Panel } from "@/ui/parts";
import { Failure, Loading } from "@/ui/states";

const Limits = lazy(async () => ({ default: (await import("@/areas/tenants/Limits")).Limits }));

export function Usage({ settings }: { settings: Schemas["TenantView"] }) {
  const { t } = useTranslation();
  const { api, me, tenant } = useMe();
  const [editing, setEditing] = useState(false);
  const usage = useQuery({
    queryKey: [tenant, "usage"],
    queryFn: () => data(api.GET("/api/v1/usage")),
    refetchInterval: 10_000,
  });
  return (
    <Panel
      title={t("limits.title")}
      actions={
        me.operator && (
          <Button size="compact-xs" variant="subtle" onClick={() => setEditing(true)}>
            {t("limits.change")}
          </Button>
        )
      }
    >
      {usage.error ? (
        <Failure error={usage.error} retry={() => usage.refetch()} />
      ) : !usage.data ? (
        <Loading />
      ) : (
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="lg">
          {LIMITS.map((limit) => (
            <Bar key={limit} limit={limit} usage={usage.data} />
          ))}
        </SimpleGrid>
      )}
      <Suspense>{editing && <Limits tenant={settings} close={() => setEditing(false)} />}</Suspense>
    </Panel>
  );
}

/** From this share on a limit is in sight. */
const NEAR = 0.8;

function Bar({ limit, usage }: { limit: Limit; usage: Schemas["UsageView"] }) {
  const { t } = useTranslation();
  const most = usage.limits[limit];
  const taken = (usage.used as Partial<Record<Limit, number>>)[limit];
  const name = t(`limits.names.${limit}`);
  const says = most === undefined ? t("queues.noLimit") : written(limit, most);
  const both = most === undefined ? "limits.takenFree" : "limits.takenOf";
  const share = most && taken !== undefined ? taken / most : 0;
  return (
    <div>
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Text size="sm">{name}</Text>
        <Text size="sm" className="numbers" c={most === undefined ? "dimmed" : undefined} ta="right">
          {taken === undefined ? says : t(both, { taken: written(limit, taken), limit: says })}
        </Text>
      </Group>
      {taken !== undefined && most !== undefined && (
        <Progress
          mt={4}
          size="sm"
          value={Math.min(100, 100 * share)}
          color={share >= 1 ? "red" : share >= NEAR ? "orange" : undefined}
          aria-label={name}
        />
      )}
    </div>
  );
}
