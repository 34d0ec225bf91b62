/** A definition as its editor holds it, and the body that it becomes. Pure. */
import type { Schemas } from "@/api/client";
import { schemaOf } from "@/areas/queues/draft";

export interface Draft {
  name: string;
  queue: string;
  description: string;
  params: string;
  result: string;
  error: string;
  priority: string;
  lease: number | "";
  startTimeout: number | "";
  overall: number | "";
  attempts: number;
  backoff: "fixed" | "exponential";
  initial: number;
  limit: number | "";
  /** A path within the params, its parts joined by dots. */
  key: string;
  kind: "worker" | "http" | "builtin";
  url: string;
  method: string;
  secret: string;
}

export const NEW: Draft = {
  name: "",
  queue: "",
  description: "",
  params: "",
  result: "",
  error: "",
  priority: "",
  lease: 120,
  startTimeout: 10,
  overall: "",
  attempts: 2,
  backoff: "fixed",
  initial: 10,
  limit: "",
  key: "",
  kind: "worker",
  url: "",
  method: "POST",
  secret: "",
};

const pretty = (value: unknown) => (value ? JSON.stringify(value, null, 2) : "");

/** As it is typed; what a new one begins with when there is none. */
export function draftOf(definition?: Schemas["DefinitionView"]): Draft {
  if (!definition) return NEW;
  const { retry, concurrency, target } = definition;
  return {
    name: definition.name,
    queue: definition.queue,
    description: definition.description ?? "",
    params: pretty(definition.paramsSchema),
    result: pretty(definition.resultSchema),
    error: pretty(definition.errorSchema),
    priority: definition.priority ?? "",
    lease: definition.leaseSeconds ?? "",
    startTimeout: definition.startTimeoutSeconds ?? "",
    overall: definition.overallTimeoutSeconds ?? "",
    attempts: retry.maxAttempts ?? NEW.attempts,
    backoff: retry.backoff?.kind ?? NEW.backoff,
    initial: retry.backoff?.initialSeconds ?? NEW.initial,
    limit: concurrency?.limit ?? "",
    key: concurrency?.key?.join(".") ?? "",
    kind: target.kind,
    url: target.url ?? "",
    method: target.method ?? NEW.method,
    secret: target.secretRef ?? "",
  };
}

/** Whether all schemas can be read. */
export function isReadable(draft: Draft): boolean {
  return [draft.params, draft.result, draft.error].every((text) => schemaOf(text) !== undefined);
}

const orNull = (value: number | "") => (value === "" ? null : value);

/** What changes the definition: all that the editor shows. A target that it does not show stays as it is. */
export function bodyOf(draft: Draft): Record<string, unknown> {
  const http = {
    kind: "http",
    url: draft.url.trim(),
    method: draft.method,
    secretRef: draft.secret.trim() || null,
  };
  return {
    queue: draft.queue,
    description: draft.description.trim() || null,
    paramsSchema: schemaOf(draft.params) ?? null,
    resultSchema: schemaOf(draft.result) ?? null,
    errorSchema: schemaOf(draft.error) ?? null,
    priority: draft.priority || null,
    leaseSeconds: orNull(draft.lease),
    startTimeoutSeconds: orNull(draft.startTimeout),
    overallTimeoutSeconds: orNull(draft.overall),
    retry: { maxAttempts: draft.attempts, backoff: { kind: draft.backoff, initialSeconds: draft.initial } },
    concurrency:
      draft.limit === "" ? null : { limit: draft.limit, key: draft.key.split(".").filter(Boolean) },
    ...(draft.kind === "worker" && { target: { kind: "worker" } }),
    ...(draft.kind === "http" && { target: http }),
  };
}
