/** What is done to tasks from a list or from a task's own page, one or many at once. */
import { useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { notify } from "@/ui/notices";
import { forEach } from "./bulk";
import type { Task } from "./rights";
import type { Query } from "./view";

export interface Someone {
  id: string;
  name: string;
  email?: string;
}

type Work = (task: Task) => Promise<unknown>;

/** What is to be done to tasks. */
export type Order =
  | { action: "assign"; to: Someone | null }
  | { action: "priority"; priority: string }
  | { action: "due"; dueDate: string | null }
  | { action: "cancel"; reason: string; now: boolean };

export function useTaskActions() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const act = useAct();

  return useMemo(() => {
    const at = (task: { id: string }) => ({ params: { path: { task_id: task.id } } });

    async function many(tasks: Task[], work: Work, said: string): Promise<void> {
      const { done, refused } = await forEach(tasks, work);
      for (const task of tasks) cache.invalidateQueries({ queryKey: [tenant, "task", task.id] });
      if (done > 0) notify({ message: t(said, { count: done }), color: "green", autoClose: 3000 });
      if (refused.length > 0) {
        notify({
          title: t("tasks.refused", { count: refused.length }),
          message: [...new Set(refused)].slice(0, 3).join(" "),
          color: "red",
          autoClose: 10_000,
        });
      }
    }

    const start = (task: { id: string }) =>
      data(api.POST("/api/v1/tasks/{task_id}/start", { ...at(task), body: {} }));
    const assign = (task: { id: string }, to: Someone | "me" | null) =>
      api.POST("/api/v1/tasks/{task_id}/assign", { ...at(task), body: { to } as never });

    const works: { [Kind in Order["action"]]: (order: Order & { action: Kind }) => [Work, string] } = {
      assign: ({ to }) => [(task) => assign(task, to), to ? "tasks.said.assigned" : "tasks.said.unassigned"],
      priority: ({ priority }) => [
        (task) => api.POST("/api/v1/tasks/{task_id}/priority", { ...at(task), body: { priority } as never }),
        "tasks.said.prioritized",
      ],
      due: ({ dueDate }) => [
        (task) => api.PATCH("/api/v1/tasks/{task_id}", { ...at(task), body: { dueDate } as never }),
        "tasks.said.due",
      ],
      cancel: ({ reason, now }) => [
        (task) =>
          api.POST("/api/v1/tasks/{task_id}/cancel", {
            ...at(task),
            body: { reason: reason || undefined, mode: now ? "now" : "ask" },
          }),
        "tasks.said.canceled",
      ],
    };

    return {
      /** Begin a task that one picked, and put one's name on it. */
      async begin(task: Task): Promise<Schemas["ClaimedView"] | undefined> {
        return act(async () => {
          const started = await start(task);
          if (task.assignment?.to === undefined) await assign(task, "me").catch(() => undefined);
          return started;
        }, t("tasks.said.started"));
      },

      /** Begin the most urgent task that one may have; undefined when there is none. */
      async next({ queue, priority, definition, label, text }: Query): Promise<string | undefined> {
        const body = { queues: queue, priority, definition, label, text, start: true };
        const answer = await act(() => data(api.POST("/api/v1/worklist/next", { body: body as never })));
        if (answer && !answer.task) notify({ message: t("tasks.said.nothingLeft") });
        return answer?.task?.id;
      },

      /** Do it to each of these, one call for each. */
      each: (tasks: Task[], order: Order) => many(tasks, ...works[order.action](order as never)),

      retry: (tasks: Task[]) =>
        many(tasks, (task) => api.POST("/api/v1/tasks/{task_id}/retry", at(task)), "tasks.said.retried"),
    };
  }, [api, act, cache, t, tenant]);
}

export type TaskActions = ReturnType<typeof useTaskActions>;
