/** One task with all that its page shows: itself, its queue, its definition, its history; current while it is open. */
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { data } from "@/api/client";
import { partsOf } from "@/areas/queues/useQueues";
import { useMe } from "@/auth/SessionProvider";
import { useEvents } from "@/live/events";
import type { Task } from "./rights";

/** The share of a lease after which it is renewed. */
const RENEWED_AFTER = 1 / 3;

export function useTask(id: string) {
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const key = [tenant, "task", id];
  const task = useQuery({
    queryKey: key,
    queryFn: async () =>
      (await data(api.GET("/api/v1/tasks/{task_id}", { params: { path: { task_id: id } } }))) as Task,
  });
  useEvents(undefined, (event) => {
    if (event.task === id) cache.invalidateQueries({ queryKey: key });
  });
  return task;
}

export function useQueue(key: string | undefined) {
  const { api, tenant } = useMe();
  return useQuery({
    queryKey: [tenant, "queue", key],
    queryFn: () =>
      data(api.GET("/api/v1/queues/{namespace}/{name}", { params: { path: partsOf(key as string) } })),
    enabled: key !== undefined,
  });
}

export function useDefinition(name: string | undefined) {
  const { api, tenant } = useMe();
  return useQuery({
    queryKey: [tenant, "definition", name],
    queryFn: () =>
      data(api.GET("/api/v1/definitions/{definition}", { params: { path: { definition: name as string } } })),
    enabled: name !== undefined,
  });
}

export function useHistory(id: string) {
  const { api, tenant } = useMe();
  return useInfiniteQuery({
    queryKey: [tenant, "task", id, "history"],
    queryFn: ({ pageParam }) =>
      data(
        api.GET("/api/v1/tasks/{task_id}/history", {
          params: { path: { task_id: id }, query: { after: pageParam, limit: 200 } },
        }),
      ),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.next === null ? undefined : Number(last.next)),
  });
}

/** While its page is open a held task's lease is renewed: nobody loses work for thinking about it. */
export function useHeartbeat(task: Task | undefined): void {
  const { api } = useMe();
  const id = task?.id;
  const execId = task?.state === "in-progress" ? task.execId : undefined;
  const every = task?.leaseUntil ? (task.limits.leaseSeconds ?? 0) * 1000 * RENEWED_AFTER : 0;
  useEffect(() => {
    if (!id || !execId || every <= 0) return;
    const beat = () =>
      api
        .POST("/api/v1/tasks/{task_id}/heartbeat", { params: { path: { task_id: id } }, body: { execId } })
        .catch(() => undefined);
    beat();
    const timer = setInterval(beat, every);
    return () => clearInterval(timer);
  }, [api, id, execId, every]);
}
