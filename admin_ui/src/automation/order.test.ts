/** What is taken out of an editor is taken away from what is started. */
import { expect, test } from "vitest";
import { isComplete, NO_ORDER, orderDraftOf, orderOf } from "./order";

const order = { queue: null, definition: "x/y", name: "Nightly", params: { n: 1 }, context: {}, labels: [] };

test("a definition and a name are taken away", () => {
  const draft = { ...orderDraftOf({ task: order }), definition: "", queue: "a:b", name: " ", params: "" };
  expect(orderOf(draft)).toEqual({
    task: { queue: "a:b", definition: null, name: null, params: null },
  });
});

test("a queue that is left from before does not stand in a definition's way", () => {
  expect(orderOf({ ...NO_ORDER, queue: "a:b", definition: "x/y" })).not.toHaveProperty("task.queue", "a:b");
});

test("without a place to go it is not complete", () => {
  expect(isComplete(NO_ORDER)).toBe(false);
  expect(isComplete({ ...NO_ORDER, what: "flow", queue: "a:b" })).toBe(false);
  expect(isComplete({ ...NO_ORDER, definition: "x/y" })).toBe(true);
});
