/** What a purge or a removal of a queue would touch, counted before it is done. */
import { List, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { Loading } from "@/ui/states";
import { partsOf } from "./useQueues";

export function Touched({ queue, what }: { queue: Schemas["QueueView"]; what: "purge" | "delete" }) {
  const { t } = useTranslation();
  const { api } = useMe();
  const touched = useQuery({
    queryKey: ["touched", queue.key],
    queryFn: async () => {
      const at = { queue: queue.key, limit: 1000 };
      const [metrics, definitions, schedules] = await Promise.all([
        data(api.GET("/api/v1/queues/{namespace}/{name}/metrics", { params: { path: partsOf(queue.key) } })),
        data(api.GET("/api/v1/definitions", { params: { query: at } })),
        data(api.GET("/api/v1/schedules", { params: { query: at } })),
      ]);
      return {
        open: metrics.open,
        held: metrics.byState["in-progress"],
        dead: metrics.deadLetters,
        definitions: definitions.items.length,
        schedules: schedules.items.length,
      };
    },
    staleTime: 0,
  });
  if (touched.error) return <Text size="sm">{touched.error.message}</Text>;
  if (!touched.data) return <Loading />;
  const { open, held, dead, definitions, schedules } = touched.data;
  return (
    <List size="sm">
      <List.Item>{t("queues.touches.open", { count: open, held })}</List.Item>
      {what === "delete" && (
        <>
          <List.Item>{t("queues.touches.dead", { count: dead })}</List.Item>
          {definitions > 0 && (
            <List.Item>{t("queues.touches.definitions", { count: definitions })}</List.Item>
          )}
          {schedules > 0 && <List.Item>{t("queues.touches.schedules", { count: schedules })}</List.Item>}
        </>
      )}
      <List.Item>{t("queues.touches.undo")}</List.Item>
    </List>
  );
}
