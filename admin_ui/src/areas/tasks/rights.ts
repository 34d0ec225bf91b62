/** What somebody may do to a task, as the server's policy decides it: which buttons there are. Pure. */
import type { Schemas } from "@/api/client";

export type Task = Schemas["TaskView"] & { execId?: string };
export type Queue = Schemas["QueueView"];

export interface Rights {
  /** Pick it and begin. */
  start: boolean;
  /** End it well, fail it, or give it back: one holds it. */
  finish: boolean;
  take: boolean;
  assign: boolean;
  prioritize: boolean;
  cancel: boolean;
  retry: boolean;
  patch: boolean;
  remove: boolean;
}

/** The rights of `me` (a subject) at a task of that queue; nothing is offered that the task's state forbids. */
export function rightsOf(task: Task, queue: Queue | undefined, me: string): Rights {
  const has = (right: string) => queue?.rights.includes(right) ?? false;
  const assignee = task.assignment?.to?.id;
  const free = !assignee || assignee === me;
  const holds = task.holder?.id === me && (task.state === "in-progress" || task.state === "requested");
  const created = task.createdBy.id === me && has("submit");
  const open = task.state !== "done";
  const works = has("work");
  return {
    start: open && works && task.state === "ready" && free && !queue?.paused,
    finish: holds && Boolean(task.execId),
    take: open && (has("take") || (works && free)) && assignee !== me,
    assign: open && has("assign"),
    prioritize: open && has("prioritize"),
    cancel: open && (has("cancel") || (works && holds) || created),
    retry: !open && task.outcome !== "succeeded" && has("retry"),
    patch: open && (has("patch") || created),
    remove: has("delete"),
  };
}
