import { expect, test } from "vitest";
import { type Event, givenTo } from "./given";

const wim = { id: "1", name: "Wim Reviewer" };
const assigned = (to: unknown) => ({ type: "assigned", data: { from: null, to } }) as Event;

test("an assignment names whom the task was given to", () => {
  expect(givenTo(assigned({ by: wim, at: "2026-03-01T09:00:00Z", to: wim }))).toBe("Wim Reviewer");
});

test("a task that was given back to all is nobody's", () => {
  expect(givenTo(assigned({ by: wim, at: "2026-03-01T09:00:00Z", to: null }))).toBeUndefined();
  expect(givenTo(assigned(null))).toBeUndefined();
});
