/** Sums, percentiles and groups are what they say. */
import { expect, test } from "vitest";
import type { Schemas } from "@/api/client";
import { durationsOf, percentile, reasonsOf, summed, workersOf } from "./figures";

const moment = (submitted: number, wait: [number, number] | null) => ({
  at: "2026-01-01T00:00:00Z",
  submitted,
  succeeded: 1,
  failed: 1,
  expired: 1,
  waitSeconds: wait && { count: wait[0], average: wait[1] },
  workSeconds: null,
});
const series = (...items: object[]) => ({ unit: "minute", items }) as unknown as Schemas["SeriesView"];
const task = (fields: object) =>
  ({ createdAt: "2026-01-01T00:00:00Z", ...fields }) as unknown as Schemas["TaskView"];

test("queues are added, their averages weighed", () => {
  expect(summed([series(moment(2, [1, 10])), series(moment(3, [3, 2]))])).toEqual([
    { at: "2026-01-01T00:00:00Z", submitted: 5, succeeded: 2, failed: 4, wait: 4, work: null },
  ]);
  expect(summed([])).toEqual([]);
});

test("a percentile is a value that there was", () => {
  const values = Array.from({ length: 100 }, (_, n) => 100 - n);
  expect([0.5, 0.9, 0.99, 1].map((share) => percentile(values, share))).toEqual([50, 90, 99, 100]);
  expect(percentile([7], 0.5)).toBe(7);
  expect(percentile([], 0.5)).toBeNull();
});

test("tasks that were never started took no time", () => {
  const lived = task({ startedAt: "2026-01-01T00:00:04Z", endedAt: "2026-01-01T00:00:10Z" });
  expect(durationsOf([lived, task({ endedAt: "2026-01-01T00:00:10Z" })])).toEqual({ wait: [4], work: [6] });
});

test("failures are counted by what was said", () => {
  const failed = [
    { error: { message: "fog" } },
    { reason: { type: "lease-lost" } },
    { error: { message: "fog" } },
    {},
  ];
  expect(reasonsOf(failed.map(task))).toEqual([
    { reason: "fog", count: 2 },
    { reason: "lease-lost", count: 1 },
    { reason: "?", count: 1 },
  ]);
});

test("a worker is somebody and a program, seen when it did something last", () => {
  const wim = { id: "w", name: "Wim" };
  const tasks = [
    { holder: wim, worker: "a", endedAt: "2026-01-01T00:00:01Z" },
    { holder: wim, worker: "a", endedAt: "2026-01-01T00:00:03Z" },
    { holder: wim, worker: "b", startedAt: "2026-01-01T00:00:02Z" },
    {},
  ];
  expect(workersOf(tasks.map(task)).map(({ program, count }) => [program, count])).toEqual([
    ["a", 2],
    ["b", 1],
  ]);
});
