/** Steps are drawn behind what they wait for, and their times are shares of the flow's. */
import { expect, test } from "vitest";
import { placed, type Step, timeline } from "./layout";

const step = (name: string, after: string[], startedAt?: string, endedAt?: string) =>
  ({ name, after, startedAt, endedAt, status: "succeeded" }) as unknown as Step;

const DIAMOND = [
  step("scan", [], "2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z"),
  step("left", ["scan"], "2026-01-01T00:00:10Z", "2026-01-01T00:00:15Z"),
  step("right", ["scan"], "2026-01-01T00:00:10Z", "2026-01-01T00:00:18Z"),
  step("join", ["left", "right"], "2026-01-01T00:00:18Z"),
  step("later", ["join"]),
];

test("each step is drawn behind all that it waits for, and none above another", () => {
  const at = new Map(placed(DIAMOND, false).map(({ step: { name }, x, y }) => [name, { x, y }]));
  for (const { name, after } of DIAMOND) {
    for (const before of after) expect(at.get(name)?.x).toBeGreaterThan(at.get(before)?.x ?? 0);
  }
  expect(at.get("left")?.y).not.toBe(at.get("right")?.y);
});

test("a timeline says how long each took and whom it waited for", () => {
  const bars = timeline(DIAMOND, Date.parse("2026-01-01T00:00:20Z"));
  const of = new Map(bars.map((bar) => [bar.step.name, bar]));
  expect(bars.map((bar) => bar.step.name)).toEqual(["scan", "left", "right", "join", "later"]);
  expect(of.get("scan")).toMatchObject({ from: 0, to: 0.5, seconds: 10, waitedFor: null });
  expect(of.get("join")).toMatchObject({ from: 0.9, to: 1, seconds: 2, waitedFor: "right" });
  expect(of.get("later")).toMatchObject({ seconds: null, waitedFor: null });
});
