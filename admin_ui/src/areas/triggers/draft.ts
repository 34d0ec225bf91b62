/** A trigger as its editor holds it, and the body that it becomes. Pure. */
import type { Schemas } from "@/api/client";
import type { StarterDraft } from "@/automation/kind";
import { NO_ORDER, orderDraftOf, orderOf } from "@/automation/order";

export const COMPARATORS = ["eq", "gt", "ge", "lt", "le"] as const;
export const SIGNS = { eq: "=", gt: ">", ge: "≥", lt: "<", le: "≤" } as const;

export interface Condition {
  /** Where the value is in the record, its parts joined by dots. */
  path: string;
  comparator: string;
  /** As typed: JSON where it reads as such, else the text itself. */
  value: string;
}

export interface Draft extends StarterDraft {
  conditions: Condition[];
}

export const ANY: Condition = { path: "", comparator: "eq", value: "" };
export const NEW: Draft = {
  id: "",
  displayName: "",
  description: "",
  conditions: [{ ...ANY, path: "resourceType" }],
  ...NO_ORDER,
};

/** What a typed value is: 12 a number, true a truth, "12" and everything that is no JSON a text, nothing: none. */
export function readOf(typed: string): unknown {
  if (!typed.trim()) return null;
  try {
    return JSON.parse(typed);
  } catch {
    return typed.trim();
  }
}

/** The shortest that is read as this value. */
export function typedOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string" && readOf(value) === value) return value;
  return JSON.stringify(value);
}

/** A condition as a line of words: `damage.cost ≥ 1000`. */
export function wordsOf({ getIn, comparator, value }: Schemas["ComparisonView"]): string {
  return `${getIn.join(".")} ${SIGNS[comparator as keyof typeof SIGNS] ?? comparator} ${value === null ? "∅" : typedOf(value)}`;
}

export function draftOf(trigger?: Schemas["TriggerView"]): Draft {
  if (!trigger) return NEW;
  return {
    id: trigger.id,
    displayName: trigger.displayName ?? "",
    description: trigger.description ?? "",
    conditions: trigger.selectBy.map(({ getIn, comparator, value }) => ({
      path: getIn.join("."),
      comparator,
      value: typedOf(value),
    })),
    ...orderDraftOf(trigger),
  };
}

export function bodyOf(draft: Draft): Schemas["TriggerBody"] {
  return {
    displayName: draft.displayName.trim() || null,
    description: draft.description.trim() || null,
    selectBy: draft.conditions.map(({ path, comparator, value }) => ({
      getIn: path.split(".").filter(Boolean),
      comparator,
      value: readOf(value),
    })),
    ...orderOf(draft),
  } as Schemas["TriggerBody"];
}
