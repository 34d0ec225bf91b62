/** The limits of an organisation, as they are shown and edited. Pure. */
import type { Schemas } from "@/api/client";
import { bytes, count } from "@/ui/format";

export type Quotas = Schemas["QuotasView"];

/** In the order in which they are shown. */
export const LIMITS = [
  "queues",
  "openTasks",
  "storedBytes",
  "claimsInFlight",
  "longPolls",
  "streams",
  "submitsPerSecond",
  "payloadBytes",
] as const;
export type Limit = (typeof LIMITS)[number];

export type Draft = Record<Limit, number | "">;

export function draftOf(quotas: Quotas): Draft {
  return Object.fromEntries(LIMITS.map((limit) => [limit, quotas[limit] ?? ""])) as Draft;
}

/** All limits, those that the editor does not know included; what is left empty is not limited. */
export function quotasOf(draft: Draft, was: Quotas): Quotas {
  const typed = Object.fromEntries(LIMITS.map((limit) => [limit, draft[limit] === "" ? null : draft[limit]]));
  return { ...was, ...typed } as Quotas;
}

export function written(limit: Limit, value: number): string {
  return limit.endsWith("Bytes") ? bytes(value) : count(value);
}
