/** A flow as it is now, looked at again while it runs. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { data } from "@/api/client";
import { useGathered } from "@/areas/queues/useNumbers";
import { useMe } from "@/auth/SessionProvider";
import { useEvents } from "@/live/events";

const EVERY = 3000;

export function useFlow(id: string) {
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const key = [tenant, "flow", id];
  const flow = useQuery({
    queryKey: key,
    queryFn: () => data(api.GET("/api/v1/flows/{flow_id}", { params: { path: { flow_id: id } } })),
    refetchInterval: (query) => (query.state.data?.status === "done" ? false : EVERY),
  });
  const again = useGathered(() => {
    cache.invalidateQueries({ queryKey: key });
  }, 400);
  useEvents(flow.data?.queue, () => {
    if (flow.data?.status !== "done") again();
  });
  return flow;
}
