/** One action on many tasks, done by the server: what it would touch is shown before, how far it is meanwhile. */
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { notify } from "@/ui/notices";
import type { Order } from "./useTaskActions";
import type { Query } from "./view";

export type Preview = Schemas["BulkPreviewView"];
export type Status = Schemas["BulkView"];

/** Tasks by their ids, or all that fit what a worklist asks for. */
export type Whom = { ids: string[] } | { matching: Query };

/** At most so many ids are named in one call. */
export const MOST_IDS = 1000;

/** The body that asks for it; only these actions are known for many tasks. Pure. */
export function bodyOf(order: Exclude<Order, { action: "due" }>, whom: Whom): object {
  const among = "ids" in whom ? { ids: whom.ids } : { filter: filterOf(whom.matching) };
  switch (order.action) {
    case "assign":
      return { action: "assign", to: order.to, ...among };
    case "priority":
      return { action: "priority", priority: order.priority, ...among };
    case "cancel":
      return {
        action: "cancel",
        reason: order.reason || undefined,
        mode: order.now ? "now" : "ask",
        ...among,
      };
  }
}

function filterOf({ limit: _, after: __, sort: ___, ...wanted }: Query): object {
  return wanted;
}

const SAID = { assign: "assigned", priority: "prioritized", cancel: "canceled" } as const;

export function useBulk() {
  const { t } = useTranslation();
  const { api } = useMe();
  const act = useAct();
  return useMemo(() => {
    const at = (token: string) => ({ params: { path: { token } } });
    return {
      /** What it would touch; undefined where it was refused (which was shown then). */
      preview: (order: Order, whom: Whom): Promise<Preview | undefined> =>
        act(() => data(api.POST("/api/v1/bulk-actions", { body: bodyOf(order as never, whom) as never }))),

      run: (token: string): Promise<Status | undefined> =>
        act(() => data(api.POST("/api/v1/bulk-actions/{token}/run", at(token)))),

      look: (token: string): Promise<Status> => data(api.GET("/api/v1/bulk-actions/{token}", at(token))),

      stop: (token: string): Promise<Status | undefined> =>
        act(() => data(api.POST("/api/v1/bulk-actions/{token}/stop", at(token)))),

      /** Say what became of it. */
      tell({ action, done, skipped }: Status): void {
        const said = action.kind === "assign" && !action.to ? "unassigned" : SAID[action.kind];
        if (done > 0)
          notify({ message: t(`tasks.said.${said}`, { count: done }), color: "green", autoClose: 3000 });
        if (skipped > 0) notify({ message: t("tasks.skipped", { count: skipped }), autoClose: 10_000 });
      },
    };
  }, [api, act, t]);
}
