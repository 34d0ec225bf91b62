/** An event announces new rows only to views that may show them. */
import { expect, test } from "vitest";
import { mayBring } from "./useWorklist";
import { viewOf } from "./view";

const event = (fields: object) =>
  ({ queue: "a:b", state: "ready", type: "created", priority: "normal", ...fields }) as Parameters<
    typeof mayBring
  >[0];

test.each([
  [{}, {}, true],
  [{ queue: "a:b" }, {}, true],
  [{ queue: "a:c" }, {}, false],
  [{ priority: "urgent" }, {}, false],
  [{ definition: "x" }, {}, false],
  [{}, { type: "started", state: "in-progress" }, false],
  [{ show: "running" }, { type: "started", state: "in-progress" }, true],
  [{ show: "done" }, { type: "succeeded", state: "done" }, true],
  [{ show: "done" }, {}, false],
  [{ show: "mine" }, {}, false],
  [{ show: "mine" }, { type: "assigned" }, true],
])("the view %j and the event %j: %s", (search, fields, brings) => {
  expect(mayBring(event(fields), viewOf(search))).toBe(brings);
});
