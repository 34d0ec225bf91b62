/** A definition comes back from its editor as it went in. */
import { expect, test } from "vitest";
import type { Schemas } from "@/api/client";
import { bodyOf, draftOf, isReadable, NEW } from "./draft";

const DEFINITION = {
  name: "reports/assess",
  queue: "intake:reports",
  paramsSchema: { type: "object" },
  resultSchema: null,
  errorSchema: null,
  priority: null,
  leaseSeconds: null,
  startTimeoutSeconds: 10,
  overallTimeoutSeconds: null,
  retry: { maxAttempts: 3, backoff: { kind: "fixed", initialSeconds: 5 } },
  concurrency: { limit: 2, key: ["airport", "code"] },
  target: { kind: "http", url: "https://example.org/x", method: "POST", secretRef: "s" },
} as unknown as Schemas["DefinitionView"];

test("what is read is what is sent", () => {
  const { name: _, ...sent } = DEFINITION as unknown as Record<string, unknown>;
  expect(bodyOf(draftOf(DEFINITION))).toEqual({ ...sent, description: null });
});

test("a part of the platform stays a target that is not sent", () => {
  expect(bodyOf({ ...NEW, kind: "builtin" })).not.toHaveProperty("target");
});

test("schemas that are not readable yet are not saved", () => {
  expect(isReadable(NEW)).toBe(true);
  expect(isReadable({ ...NEW, result: "{" })).toBe(false);
});
