/** A trigger comes back from its editor as it went in. */
import { expect, test } from "vitest";
import type { Schemas } from "@/api/client";
import { bodyOf, draftOf, readOf, typedOf, wordsOf } from "./draft";

const trigger = {
  id: "large",
  displayName: "Large ones",
  selectBy: [
    { getIn: ["resourceType"], comparator: "eq", value: "StrikeReport" },
    { getIn: ["damage", "cost"], comparator: "ge", value: 1000 },
    { getIn: ["closed"], comparator: "eq", value: null },
  ],
  task: { definition: "reports/review", params: { report: { $from: "record.id" } }, context: {}, labels: [] },
} as unknown as Schemas["TriggerView"];

test("a trigger of a definition", () => {
  expect(bodyOf(draftOf(trigger))).toEqual({
    displayName: "Large ones",
    description: null,
    selectBy: trigger.selectBy,
    task: {
      queue: undefined,
      definition: "reports/review",
      name: null,
      params: { report: { $from: "record.id" } },
    },
  });
});

test.each([12, "12", "true", true, "Boeing 737", '"', null, { a: 1 }])(
  "%j is typed and read again",
  (value) => {
    expect(readOf(typedOf(value))).toEqual(value);
  },
);

test("a condition in words", () => {
  expect(trigger.selectBy.map(wordsOf)).toEqual([
    "resourceType = StrikeReport",
    "damage.cost ≥ 1000",
    "closed = ∅",
  ]);
});
