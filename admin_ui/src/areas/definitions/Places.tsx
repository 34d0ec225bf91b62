/** How a definition's limit stands: for which values tasks are held, and where others wait for a place. */
import { Group, Progress, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { count } from "@/ui/format";
import { Panel } from "@/ui/parts";
import { Failure, Loading } from "@/ui/states";

const SHOWN = 50;

export function Places({ name }: { name: string }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const places = useQuery({
    queryKey: [tenant, "definition", name, "places"],
    queryFn: () =>
      data(
        api.GET("/api/v1/definition-places/{definition}", {
          params: { path: { definition: name }, query: { limit: SHOWN } },
        }),
      ),
    refetchInterval: 3000,
  });
  if (places.error) return <Failure error={places.error} retry={() => places.refetch()} />;
  if (!places.data) return <Loading />;
  const { limit, key, total, items } = places.data;
  return (
    <Panel title={t("definitions.places")}>
      <Stack
        gap="sm"
        component="ul"
        p={0}
        m={0}
        style={{ listStyle: "none" }}
        aria-label={t("definitions.places")}
      >
        {items.map(({ value, held, waiting }) => {
          const said = key.length === 0 ? t("definitions.allTasks") : JSON.stringify(value);
          return (
            <li key={JSON.stringify(value)}>
              <Group justify="space-between" wrap="nowrap" gap="xs">
                <Text size="sm" fw={500} style={{ overflowWrap: "anywhere" }}>
                  {said}
                </Text>
                <Text size="sm" className="numbers" ta="right">
                  {t("definitions.held", { held: count(held), limit: count(limit ?? 0) })} ·{" "}
                  {t("definitions.waits", { count: waiting })}
                </Text>
              </Group>
              <Progress mt={4} size="sm" value={limit ? (100 * held) / limit : 0} aria-label={said} />
            </li>
          );
        })}
      </Stack>
      {items.length === 0 && (
        <Text size="sm" c="dimmed">
          {t("definitions.noPlaces")}
        </Text>
      )}
      {total > items.length && (
        <Text size="sm" c="dimmed" mt="sm">
          {t("definitions.morePlaces", { count: total - items.length })}
        </Text>
      )}
    </Panel>
  );
}
