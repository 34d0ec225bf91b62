/** What a schedule or a trigger starts, as their editors hold it, and the body that it becomes. Pure. */
import type { Schemas } from "@/api/client";

export interface OrderDraft {
  what: "task" | "flow";
  queue: string;
  definition: string;
  template: string;
  name: string;
  /** JSON as typed. */
  params: string;
}

export const NO_ORDER: OrderDraft = {
  what: "task",
  queue: "",
  definition: "",
  template: "",
  name: "",
  params: "",
};

const pretty = (value: unknown) =>
  value === undefined || value === null ? "" : JSON.stringify(value, null, 2);

export function orderDraftOf({ task, flow }: Pick<Schemas["ScheduleView"], "task" | "flow">): OrderDraft {
  return {
    what: flow ? "flow" : "task",
    queue: task?.queue ?? "",
    definition: task?.definition ?? "",
    name: task?.name ?? "",
    template: flow?.template ?? "",
    params: pretty(task?.params ?? flow?.params),
  };
}

/** Whether it says where it goes. */
export function isComplete(draft: OrderDraft): boolean {
  return Boolean(draft.what === "flow" ? draft.template : draft.queue || draft.definition);
}

/** `task` or `flow`; a definition brings its queue along. What is empty is null: a change takes it away. */
export function orderOf(draft: OrderDraft): object {
  const params = draft.params.trim() ? JSON.parse(draft.params) : null;
  if (draft.what === "flow") return { flow: { template: draft.template, params } };
  return {
    task: {
      queue: draft.definition ? undefined : draft.queue,
      definition: draft.definition || null,
      name: draft.name.trim() || null,
      params,
    },
  };
}
