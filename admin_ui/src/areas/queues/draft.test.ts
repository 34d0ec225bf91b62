/** A queue's settings come back from its editor as they went in. */
import { expect, test } from "vitest";
import type { Schemas } from "@/api/client";
import { bodyOf, draftOf, NEW, rolesOf, schemaOf } from "./draft";

const QUEUE = {
  namespace: "intake",
  name: "reports",
  displayName: "Reports",
  bindings: { submitters: ["task-writer"], workers: ["reviewer"], assigners: [], readers: [] },
  defaults: {
    priority: "high",
    leaseSeconds: null,
    startTimeoutSeconds: 10,
    overallTimeoutSeconds: 3600,
    retry: { maxAttempts: 5, backoff: { kind: "exponential", initialSeconds: 2, maxSeconds: 60, jitter: 0 } },
  },
  deadlines: { dueInSeconds: 3600, remindBeforeSeconds: [], escalations: [] },
  paramsSchema: { type: "object" },
  retentionDays: null,
  quotas: { openTasks: 500 },
  encryptPayloads: true,
} as unknown as Schemas["QueueView"];

test("what is read is what is sent", () => {
  expect(bodyOf(draftOf(QUEUE))).toMatchObject({
    displayName: "Reports",
    description: null,
    bindings: QUEUE.bindings,
    defaults: {
      priority: "high",
      leaseSeconds: null,
      overallTimeoutSeconds: 3600,
      retry: { maxAttempts: 5, backoff: { kind: "exponential", initialSeconds: 2 } },
    },
    deadlines: { dueInSeconds: 3600, remindBeforeSeconds: [], escalations: [] },
    paramsSchema: { type: "object" },
    retentionDays: null,
    quotas: { openTasks: 500, claimsInFlight: null, submitsPerSecond: null, payloadBytes: null },
    encryptPayloads: true,
  });
});

test("a schema is an object, nothing, or not readable yet", () => {
  expect(schemaOf(" ")).toBeNull();
  expect(schemaOf('{"type":"object"}')).toEqual({ type: "object" });
  for (const text of ["{", "[]", "1", '"x"', "null"]) expect(schemaOf(text)).toBeUndefined();
  expect(bodyOf({ ...NEW, schema: "" }).paramsSchema).toBeNull();
});

test("roles are known from everywhere, each once", () => {
  expect(
    rolesOf([QUEUE, QUEUE], ["supervisor", "reviewer", "offline_access", "account:view-profile"]),
  ).toEqual(["reviewer", "supervisor", "task-writer"]);
});
