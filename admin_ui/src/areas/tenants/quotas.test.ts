/** Limits come back from their editor as they went in, with those that it does not show. */
import { expect, test } from "vitest";
import { draftOf, quotasOf } from "./quotas";

test("what is empty is not limited, what is not shown stays", () => {
  const was = { queues: 5, openTasks: 100, later: 3 } as never;
  const draft = { ...draftOf(was), openTasks: "" as const, streams: 2 };
  expect(quotasOf(draft, was)).toMatchObject({ queues: 5, openTasks: null, streams: 2, later: 3 });
});
