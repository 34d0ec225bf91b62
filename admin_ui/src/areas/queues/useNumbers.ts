/** A queue's numbers, asked for again when something happens there, but not with every single event. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { useEvents } from "@/live/events";
import { partsOf } from "./useQueues";

const EVERY = 1500;

/** A function that tells `work` soon, once for all calls of a short time. */
export function useGathered(work: () => void, wait = EVERY): () => void {
  const latest = useRef(work);
  latest.current = work;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      latest.current();
    }, wait);
  };
}

export function useNumbers(key: string, reads: boolean) {
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const path = partsOf(key);
  const at = [tenant, "queues", key];
  const metrics = useQuery({
    queryKey: [...at, "metrics"],
    queryFn: () => data(api.GET("/api/v1/queues/{namespace}/{name}/metrics", { params: { path } })),
    enabled: reads,
  });
  const series = useQuery({
    queryKey: [...at, "series", "minute", 60],
    queryFn: () =>
      data(
        api.GET("/api/v1/queues/{namespace}/{name}/metrics/series", {
          params: { path, query: { unit: "minute", count: 60 } },
        }),
      ),
    enabled: reads,
    refetchInterval: 60_000,
  });
  const again = useGathered(() => {
    cache.invalidateQueries({ queryKey: at });
  });
  useEvents(key, again);
  return { metrics, series };
}
