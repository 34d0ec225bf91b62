/** A queue's settings as its editor holds them, and the body that they become. Pure. */
import type { Schemas } from "@/api/client";
import { type Deadlines, deadlinesBodyOf, deadlinesOf, NO_DEADLINES } from "./deadlines";

export const LISTS = ["submitters", "workers", "assigners", "readers"] as const;
export type List = (typeof LISTS)[number];

/** What a queue may take, in the order in which it is shown. */
export const QUOTAS = ["openTasks", "claimsInFlight", "submitsPerSecond", "payloadBytes"] as const;
export type Quotas = Record<(typeof QUOTAS)[number], number | "">;

export interface Draft {
  namespace: string;
  name: string;
  displayName: string;
  description: string;
  bindings: Record<List, string[]>;
  priority: string;
  /** Seconds as typed; empty: no limit. */
  lease: number | "";
  startTimeout: number | "";
  overall: number | "";
  attempts: number;
  backoff: "fixed" | "exponential";
  initial: number;
  retention: number | "";
  deadlines: Deadlines;
  quotas: Quotas;
  encrypted: boolean;
  /** JSON as typed; empty: everything is accepted. */
  schema: string;
}

export const NEW: Draft = {
  namespace: "",
  name: "",
  displayName: "",
  description: "",
  bindings: { submitters: [], workers: [], assigners: [], readers: [] },
  priority: "normal",
  lease: 120,
  startTimeout: 10,
  overall: "",
  attempts: 2,
  backoff: "fixed",
  initial: 10,
  retention: "",
  deadlines: NO_DEADLINES,
  quotas: { openTasks: "", claimsInFlight: "", submitsPerSecond: "", payloadBytes: "" },
  encrypted: false,
  schema: "",
};

/** As it is typed; what a new one begins with when there is none. */
export function draftOf(queue?: Schemas["QueueView"]): Draft {
  if (!queue) return NEW;
  const { defaults } = queue;
  return {
    namespace: queue.namespace,
    name: queue.name,
    displayName: queue.displayName ?? "",
    description: queue.description ?? "",
    bindings: {
      submitters: [...(queue.bindings.submitters ?? [])],
      workers: [...(queue.bindings.workers ?? [])],
      assigners: [...(queue.bindings.assigners ?? [])],
      readers: [...(queue.bindings.readers ?? [])],
    },
    priority: defaults.priority,
    lease: defaults.leaseSeconds ?? "",
    startTimeout: defaults.startTimeoutSeconds ?? "",
    overall: defaults.overallTimeoutSeconds ?? "",
    attempts: defaults.retry.maxAttempts ?? NEW.attempts,
    backoff: defaults.retry.backoff?.kind ?? NEW.backoff,
    initial: defaults.retry.backoff?.initialSeconds ?? NEW.initial,
    retention: queue.retentionDays ?? "",
    deadlines: deadlinesOf(queue.deadlines),
    quotas: Object.fromEntries(QUOTAS.map((each) => [each, queue.quotas[each] ?? ""])) as Quotas,
    encrypted: queue.encryptPayloads,
    schema: queue.paramsSchema ? JSON.stringify(queue.paramsSchema, null, 2) : "",
  };
}

/** The schema that is typed: null for none, undefined while it is no JSON object. */
export function schemaOf(text: string): object | null | undefined {
  if (!text.trim()) return null;
  try {
    const said: unknown = JSON.parse(text);
    return said && typeof said === "object" && !Array.isArray(said) ? said : undefined;
  } catch {
    return undefined;
  }
}

const orNull = (value: number | "") => (value === "" ? null : value);

/** What is sent; the schema must be readable. */
export function bodyOf(draft: Draft): Schemas["QueueBody"] {
  return {
    displayName: draft.displayName.trim() || null,
    description: draft.description.trim() || null,
    bindings: draft.bindings,
    defaults: {
      priority: draft.priority as "normal",
      leaseSeconds: orNull(draft.lease),
      startTimeoutSeconds: orNull(draft.startTimeout),
      overallTimeoutSeconds: orNull(draft.overall),
      retry: { maxAttempts: draft.attempts, backoff: { kind: draft.backoff, initialSeconds: draft.initial } },
    },
    paramsSchema: (schemaOf(draft.schema) ?? null) as never,
    retentionDays: orNull(draft.retention),
    deadlines: deadlinesBodyOf(draft.deadlines) as never,
    quotas: Object.fromEntries(QUOTAS.map((each) => [each, orNull(draft.quotas[each])])) as never,
    encryptPayloads: draft.encrypted,
  };
}

/** Roles that Keycloak gives to everybody: nobody binds them to a queue. */
const PLUMBING = /^(account:|default-roles-|offline_access$|uma_authorization$|penstock:|broker:)/;

/** Every role that some queue binds, or that the caller has, in their order. */
export function rolesOf(queues: Schemas["QueueView"][], more: readonly string[]): string[] {
  const bound = queues.flatMap(({ bindings }) => LISTS.flatMap((list) => bindings[list] ?? []));
  const others = more.filter((role) => !PLUMBING.test(role));
  return [...new Set([...bound, ...others])].sort((a, b) => a.localeCompare(b));
}
