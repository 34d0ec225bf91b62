/** A schedule comes back from its editor as it went in. */
import { expect, test } from "vitest";
import type { Schemas } from "@/api/client";
import { bodyOf, draftOf, localOf, NEW } from "./draft";

const base = { id: "nightly", overlap: { policy: "skip", maxOpen: 1 }, misfire: { policy: "latest" } };

test("a cron schedule of a task", () => {
  const schedule = {
    ...base,
    trigger: { kind: "cron", expression: "0 2 * * *", timeZone: "America/Edmonton" },
    task: { queue: "a:b", name: "Nightly", params: { n: 1 }, context: {}, labels: [] },
  } as unknown as Schemas["ScheduleView"];
  expect(bodyOf(draftOf(schedule))).toEqual({
    displayName: null,
    description: null,
    trigger: { kind: "cron", expression: "0 2 * * *", timeZone: "America/Edmonton" },
    overlap: { policy: "skip" },
    misfire: { policy: "latest" },
    task: { queue: "a:b", definition: null, name: "Nightly", params: { n: 1 } },
  });
});

test("a definition brings its queue along, a flow has none", () => {
  expect(bodyOf({ ...NEW, queue: "a:b", definition: "x/y" })).toMatchObject({
    task: { queue: undefined, definition: "x/y", params: null },
  });
  expect(bodyOf({ ...NEW, what: "flow", template: "t" })).toMatchObject({ flow: { template: "t" } });
});

test("a date is shown in the reader's time and sent in the world's", () => {
  const at = "2026-03-01T12:34:00.000Z";
  const body = bodyOf({ ...NEW, kind: "date", at: localOf(at) });
  expect(body.trigger).toEqual({ kind: "date", at });
});
