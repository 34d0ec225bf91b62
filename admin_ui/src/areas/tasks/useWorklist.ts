/** The tasks of a view, page by page, kept current in place: rows change where they are, new ones wait to be asked for. */
import { type InfiniteData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { data, type Schemas } from "@/api/client";
import { Problem } from "@/api/problems";
import { useMe } from "@/auth/SessionProvider";
import { type Event, useEvents } from "@/live/events";
import type { Task } from "./rights";
import { type Query, queryOf, type View } from "./view";

type Page = Schemas["TaskPageView"];
type Pages = InfiniteData<Page, string | undefined>;

const GATHER = 250;
/** Rows of every page after the first: who scrolls wants many. */
const MORE = 300;
const MOST_AT_ONCE = 25;

export interface Worklist {
  tasks: Task[];
  loading: boolean;
  error: Error | null;
  hasMore: boolean;
  more: () => void;
  /** How many tasks came that are not shown yet. */
  fresh: number;
  refresh: () => Promise<void>;
  retry: () => void;
  live: boolean;
  /** Tasks that were removed while they were shown. */
  gone: ReadonlySet<string>;
}

/** Whether an event may bring a task into the view; the server decides when it is asked. */
export function mayBring(
  event: Pick<Event, "queue" | "state" | "type" | "definition" | "priority">,
  view: View,
): boolean {
  if (view.queues.length && !view.queues.includes(event.queue)) return false;
  if (view.priorities.length && !view.priorities.includes(event.priority)) return false;
  if (view.definition && view.definition !== event.definition) return false;
  if (view.show === "done" || view.show === "dead") return event.state === "done";
  if (view.show === "running") return event.state === "in-progress" || event.state === "requested";
  if (view.show === "waiting") return event.state === "waiting";
  if (view.show === "mine") return event.type === "assigned";
  const comes = ["created", "ready", "released", "assigned", "redriven", "retried", "restarted"].includes(
    event.type,
  );
  return comes && event.state !== "done";
}

export function useWorklist(view: View): Worklist {
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const query = useMemo(() => queryOf(view), [view]);
  const key = useMemo(() => [tenant, "tasks", query], [tenant, query]);
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());

  const load = useCallback(
    (after: string | undefined, signal?: AbortSignal) =>
      data(
        api.GET("/api/v1/tasks", {
          params: { query: { ...query, ...(after && { after, limit: MORE }) } as Query },
          signal,
        }),
      ),
    [api, query],
  );
  const pages = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => load(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnMount: "always",
    refetchOnWindowFocus: false,
  });
  const tasks = useMemo(() => pages.data?.pages.flatMap((page) => page.items as Task[]) ?? [], [pages.data]);
  const shown = useRef(new Set<string>());
  shown.current = useMemo(() => new Set(tasks.map(({ id }) => id)), [tasks]);

  const refresh = useCallback(async () => {
    const first = await load(undefined);
    cache.setQueryData<Pages>(key, { pages: [first], pageParams: [undefined] });
    setFresh(new Set());
    setGone(new Set());
  }, [cache, key, load]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another view begins anew.
  useEffect(() => {
    setFresh(new Set());
    setGone(new Set());
  }, [key]);

  const replace = useCallback(
    (task: Task) => {
      cache.setQueryData<Pages>(
        key,
        (before) =>
          before && {
            ...before,
            pages: before.pages.map((page) =>
              page.items.some(({ id }) => id === task.id)
                ? { ...page, items: page.items.map((each) => (each.id === task.id ? task : each)) }
                : page,
            ),
          },
      );
    },
    [cache, key],
  );

  const look = useCallback(
    async (id: string) => {
      try {
        replace(
          (await data(api.GET("/api/v1/tasks/{task_id}", { params: { path: { task_id: id } } }))) as Task,
        );
      } catch (error) {
        if (error instanceof Problem && error.status === 404) setGone((before) => new Set(before).add(id));
      }
    },
    [api, replace],
  );

  const heard = useRef<{ ids: Set<string>; timer?: ReturnType<typeof setTimeout> }>({ ids: new Set() });
  const lookAtSome = useCallback(() => {
    const changed = [...heard.current.ids];
    const left = changed.splice(MOST_AT_ONCE);
    heard.current = { ids: new Set(left) };
    Promise.all(changed.map(look)).then(() => {
      if (heard.current.ids.size > 0) heard.current.timer ??= setTimeout(lookAtSome, GATHER);
    });
  }, [look]);
  const live = useEvents(undefined, (event) => {
    if (shown.current.has(event.task)) {
      heard.current.ids.add(event.task);
      heard.current.timer ??= setTimeout(lookAtSome, GATHER);
    } else if (mayBring(event, view)) {
      setFresh((before) => (before.has(event.task) ? before : new Set(before).add(event.task)));
    }
  });
  useEffect(() => () => clearTimeout(heard.current.timer), []);

  // Nothing is read in an empty list: what comes is shown at once.
  const empty = pages.isSuccess && tasks.length === 0;
  useEffect(() => {
    if (empty && fresh.size > 0) refresh();
  }, [empty, fresh, refresh]);

  return {
    tasks,
    loading: pages.isPending,
    error: pages.error,
    hasMore: pages.hasNextPage,
    more: () => {
      if (pages.hasNextPage && !pages.isFetchingNextPage) pages.fetchNextPage();
    },
    fresh: fresh.size,
    refresh,
    retry: () => pages.refetch(),
    live,
    gone,
  };
}
