/** Buttons are there for what the policy allows. */
import { expect, test } from "vitest";
import { type Queue, rightsOf, type Task } from "./rights";

const queue = (...rights: string[]) => ({ rights, paused: false }) as unknown as Queue;
const task = (fields: object) =>
  ({ state: "ready", createdBy: { id: "sub", name: "Sub" }, ...fields }) as unknown as Task;
const wim = { to: { id: "wim", name: "Wim" }, by: { id: "ann", name: "Ann" }, at: "" };

test("a worker starts and takes what is nobody's or its own", () => {
  const worker = queue("read", "work");
  expect(rightsOf(task({}), worker, "wim")).toMatchObject({
    start: true,
    take: true,
    assign: false,
    cancel: false,
  });
  expect(rightsOf(task({ assignment: wim }), worker, "wim")).toMatchObject({ start: true, take: false });
  expect(rightsOf(task({ assignment: wim }), worker, "wes")).toMatchObject({ start: false, take: false });
});

test("only the holder with its fence finishes", () => {
  const held = task({ state: "in-progress", holder: { id: "wim", name: "Wim" }, execId: "x" });
  expect(rightsOf(held, queue("work"), "wim")).toMatchObject({ finish: true, cancel: true });
  expect(rightsOf(held, queue("work"), "wes")).toMatchObject({ finish: false, cancel: false });
});

test("an assigner assigns, reprioritizes and cancels, and runs again what failed", () => {
  const assigner = queue("read", "assign", "take", "prioritize", "cancel", "retry");
  expect(rightsOf(task({}), assigner, "ann")).toMatchObject({
    start: false,
    assign: true,
    prioritize: true,
    cancel: true,
  });
  const failed = task({ state: "done", outcome: "failed" });
  expect(rightsOf(failed, assigner, "ann")).toMatchObject({ assign: false, cancel: false, retry: true });
  expect(rightsOf(task({ state: "done", outcome: "succeeded" }), assigner, "ann").retry).toBe(false);
});

test("who made a task may cancel it; of a deleted queue nobody may anything", () => {
  expect(rightsOf(task({}), queue("submit"), "sub").cancel).toBe(true);
  expect(Object.values(rightsOf(task({}), undefined, "sub")).some(Boolean)).toBe(false);
});
