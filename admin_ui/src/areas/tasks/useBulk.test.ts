/** What is asked of the server about many tasks. */
import { expect, test } from "vitest";
import { bodyOf } from "./useBulk";

test("some by their ids", () => {
  expect(bodyOf({ action: "priority", priority: "high" }, { ids: ["a", "b"] })).toEqual({
    action: "priority",
    priority: "high",
    ids: ["a", "b"],
  });
  expect(bodyOf({ action: "assign", to: null }, { ids: ["a"] })).toEqual({
    action: "assign",
    to: null,
    ids: ["a"],
  });
});

test("all that match, whatever their order and page", () => {
  const matching = { queue: ["a:b"], text: "owl*", limit: 100, sort: "dueDate" as const };
  expect(bodyOf({ action: "cancel", reason: "", now: true }, { matching })).toEqual({
    action: "cancel",
    reason: undefined,
    mode: "now",
    filter: { queue: ["a:b"], text: "owl*" },
  });
});
