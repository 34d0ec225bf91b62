/** All queues that one has a right in, for lists and choices of every area. */
import { useQuery } from "@tanstack/react-query";
import { data, type Schemas } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";

const MOST = 1000;

export function useQueues() {
  const { api, tenant } = useMe();
  return useQuery({
    queryKey: [tenant, "queues"],
    queryFn: async (): Promise<Schemas["QueueView"][]> =>
      (await data(api.GET("/api/v1/queues", { params: { query: { limit: MOST } } }))).items,
  });
}

/** The two parts of a queue's key. */
export function partsOf(key: string): { namespace: string; name: string } {
  const at = key.indexOf(":");
  return { namespace: key.slice(0, at), name: key.slice(at + 1) };
}
