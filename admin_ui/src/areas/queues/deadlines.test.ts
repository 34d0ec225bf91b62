/** Due dates and rules come back from their editor as they went in. */
import { expect, test } from "vitest";
import type { Schemas } from "@/api/client";
import { deadlinesBodyOf, deadlinesOf, NEW_RULE, NO_DEADLINES, unitOf } from "./deadlines";

test("a queue's rules", () => {
  const view: Schemas["DeadlinesView"] = {
    dueInSeconds: 86_400,
    remindBeforeSeconds: [3600],
    escalations: [
      { afterSeconds: 0, raiseTo: "urgent", notify: ["desk"] },
      { afterSeconds: 7200, assignTo: { id: "ann", name: "Ann", email: null }, notify: [] },
      { afterSeconds: 9000, giveBack: true, notify: [] },
    ],
  };
  expect(deadlinesBodyOf(deadlinesOf(view))).toEqual({
    dueInSeconds: 86_400,
    remindBeforeSeconds: [3600],
    escalations: [
      { afterSeconds: 0, raiseTo: "urgent", assignTo: null, giveBack: false, notify: ["desk"] },
      {
        afterSeconds: 7200,
        raiseTo: null,
        assignTo: { id: "ann", name: "Ann", email: null },
        giveBack: false,
        notify: [],
      },
      { afterSeconds: 9000, raiseTo: null, assignTo: null, giveBack: true, notify: [] },
    ],
  });
});

test("what is left empty is not sent", () => {
  const body = deadlinesBodyOf({ ...NO_DEADLINES, reminders: ["", 60], rules: [NEW_RULE] });
  expect(body).toMatchObject({
    dueInSeconds: null,
    remindBeforeSeconds: [60],
    escalations: [{ afterSeconds: 0 }],
  });
});

test.each([
  ["", "hours"],
  [172_800, "days"],
  [5400, "minutes"],
  [61, "seconds"],
] as const)("%s seconds are typed in %s", (seconds, unit) => {
  expect(unitOf(seconds)).toBe(unit);
});
