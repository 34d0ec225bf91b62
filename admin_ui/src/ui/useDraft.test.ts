/** What is typed outlives what happens on the server meanwhile. */
import { act, renderHook } from "@testing-library/react";
import { expect, test } from "vitest";
import { changesOf, patchOf, useDraft } from "./useDraft";

interface Thing {
  name: string;
  version: number;
}
const draftOf = ({ name }: Thing) => ({ name });
const opening = (thing: Thing) =>
  renderHook((now: Thing) => useDraft(now, draftOf), { initialProps: thing }) as ReturnType<
    typeof renderHook<ReturnType<typeof useDraft<Thing, { name: string }>>, Thing>
  >;

test("a draft follows the thing until something is typed", () => {
  const { result, rerender } = opening({ name: "a", version: 1 });
  rerender({ name: "b", version: 2 });
  expect(result.current).toMatchObject({ draft: { name: "b" }, opened: { version: 2 } });
});

test("what is typed stays when the thing is paused, and is for its newest version", () => {
  const { result, rerender } = opening({ name: "a", version: 1 });
  act(() => result.current.set({ name: "typed" }));
  rerender({ name: "a", version: 2 });
  expect(result.current).toMatchObject({ draft: { name: "typed" }, opened: { version: 2 } });
});

test("what is typed stays when somebody else changes the same, and is for the version that was seen", () => {
  const { result, rerender } = opening({ name: "a", version: 1 });
  act(() => result.current.set({ name: "typed" }));
  rerender({ name: "theirs", version: 2 });
  expect(result.current).toMatchObject({ draft: { name: "typed" }, opened: { version: 1 } });
});

test("what was kept is what one goes on from, as the server made it", () => {
  const { result, rerender } = opening({ name: "a", version: 1 });
  act(() => result.current.set({ name: " b " }));
  const changed = { name: "b", version: 2 };
  rerender(changed);
  act(() => result.current.kept(changed));
  expect(result.current).toMatchObject({ draft: { name: "b" }, opened: { version: 2 }, isChanged: false });
});

test("a change names what is new, and what is taken away", () => {
  const before = { name: "a", when: { at: 1 }, task: { queue: "x:y" } };
  expect(changesOf<object>(before, { name: null, when: { at: 1 }, task: { queue: "x:z" } })).toEqual({
    name: null,
    task: { queue: "x:z" },
  });
});

test("a patch takes away at every level what is not there any more", () => {
  const before = {
    schema: { type: "object", properties: { a: { title: "A" }, b: {} }, required: ["a"] },
    n: 1,
  };
  const after = { schema: { type: "object", properties: { a: { title: "Aa" } }, required: [] }, n: 1 };
  expect(patchOf(before, after)).toEqual({
    schema: { properties: { a: { title: "Aa" }, b: null }, required: [] },
  });
  expect(patchOf({ schema: null }, after)).toEqual({ schema: after.schema, n: 1 });
});
