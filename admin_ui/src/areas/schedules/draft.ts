/** A schedule as its editor holds it, and the body that it becomes. Pure. */
import type { Schemas } from "@/api/client";
import type { StarterDraft } from "@/automation/kind";
import { NO_ORDER, orderDraftOf, orderOf } from "@/automation/order";

export interface Draft extends StarterDraft {
  kind: "cron" | "interval" | "date";
  expression: string;
  timeZone: string;
  seconds: number;
  /** As a browser's date field writes it: local, without a zone. */
  at: string;
  overlap: "allow" | "skip" | "replace";
  misfire: "skip" | "one" | "all" | "latest";
}

export const NEW: Draft = {
  id: "",
  displayName: "",
  description: "",
  kind: "cron",
  expression: "0 8 * * MON-FRI",
  timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC",
  seconds: 3600,
  at: "",
  ...NO_ORDER,
  overlap: "allow",
  misfire: "skip",
};

export function draftOf(schedule?: Schemas["ScheduleView"]): Draft {
  if (!schedule) return NEW;
  const { trigger } = schedule;
  return {
    ...NEW,
    id: schedule.id,
    displayName: schedule.displayName ?? "",
    description: schedule.description ?? "",
    kind: trigger.kind,
    ...(trigger.kind === "cron" && { expression: trigger.expression, timeZone: trigger.timeZone }),
    ...(trigger.kind === "interval" && { seconds: trigger.seconds }),
    ...(trigger.kind === "date" && { at: localOf(trigger.at) }),
    ...orderDraftOf(schedule),
    overlap: schedule.overlap.policy,
    misfire: schedule.misfire.policy,
  };
}

/** A moment as a browser's date field wants it. */
export function localOf(at: string): string {
  const moment = new Date(at);
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function triggerOf(draft: Draft): Schemas["PreviewBody"]["trigger"] {
  switch (draft.kind) {
    case "cron":
      return { kind: "cron", expression: draft.expression.trim(), timeZone: draft.timeZone.trim() || "UTC" };
    case "interval":
      return { kind: "interval", seconds: draft.seconds };
    case "date":
      return { kind: "date", at: draft.at ? new Date(draft.at).toISOString() : "" };
  }
}

/** Names only what the editor shows: what it does not know stays. */
export function bodyOf(draft: Draft): Schemas["ScheduleBody"] {
  return {
    displayName: draft.displayName.trim() || null,
    description: draft.description.trim() || null,
    trigger: triggerOf(draft),
    overlap: { policy: draft.overlap },
    misfire: { policy: draft.misfire },
    ...orderOf(draft),
  } as Schemas["ScheduleBody"];
}
