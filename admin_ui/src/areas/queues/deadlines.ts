/** A queue's due dates, reminders and rules for what is late, as the editor holds them. Pure. */
import type { Schemas } from "@/api/client";

interface Someone {
  id: string;
  name: string;
  email?: string;
}

export interface Rule {
  after: number | "";
  raiseTo: string;
  assignTo: Someone | null;
  giveBack: boolean;
  notify: string[];
}

export interface Deadlines {
  /** Seconds. */
  due: number | "";
  reminders: (number | "")[];
  rules: Rule[];
}

export const NO_DEADLINES: Deadlines = { due: "", reminders: [], rules: [] };
export const NEW_RULE: Rule = { after: "", raiseTo: "", assignTo: null, giveBack: false, notify: [] };

function someoneOf(actor: Schemas["Actor"] | undefined): Someone | null {
  return actor ? { id: actor.id, name: actor.name, email: actor.email ?? undefined } : null;
}

export function deadlinesOf(view: Schemas["DeadlinesView"]): Deadlines {
  return {
    due: view.dueInSeconds ?? "",
    reminders: [...view.remindBeforeSeconds],
    rules: view.escalations.map((rule) => ({
      after: rule.afterSeconds,
      raiseTo: rule.raiseTo ?? "",
      assignTo: someoneOf(rule.assignTo),
      giveBack: rule.giveBack ?? false,
      notify: [...rule.notify],
    })),
  };
}

/** What is sent; reminders without a time are left out, and a rule without one is for the due date itself. */
export function deadlinesBodyOf({ due, reminders, rules }: Deadlines): object {
  return {
    dueInSeconds: due === "" ? null : due,
    remindBeforeSeconds: reminders.filter((each) => each !== ""),
    escalations: rules.map(({ after, raiseTo, assignTo, giveBack, notify }) => ({
      afterSeconds: after === "" ? 0 : after,
      raiseTo: raiseTo || null,
      assignTo: assignTo && { id: assignTo.id, name: assignTo.name, email: assignTo.email ?? null },
      giveBack,
      notify,
    })),
  };
}

const UNITS = [
  ["days", 86_400],
  ["hours", 3600],
  ["minutes", 60],
  ["seconds", 1],
] as const;
export type Unit = (typeof UNITS)[number][0];

export const secondsOf = (unit: Unit): number => UNITS.find(([name]) => name === unit)?.[1] ?? 1;

/** The largest unit in which a time is a whole number. */
export function unitOf(seconds: number | ""): Unit {
  if (seconds === "" || seconds === 0) return "hours";
  return UNITS.find(([, size]) => seconds % size === 0)?.[0] ?? "seconds";
}
