/** What the dashboard works out of the server's numbers. Pure. */
import type { Schemas } from "@/api/client";

type Series = Schemas["SeriesView"];
type Moment = Series["items"][number];
type Task = Schemas["TaskView"];

export interface Sum {
  at: string;
  submitted: number;
  succeeded: number;
  failed: number;
  /** Averages in seconds; null when nothing was started or ended. */
  wait: number | null;
  work: number | null;
}

/** Several queues as one: counts are added, averages weighed by how many they are of. */
export function summed(all: readonly Series[]): Sum[] {
  const times = all[0]?.items.map(({ at }) => at) ?? [];
  return times.map((at, n) => {
    const moments = all.flatMap(({ items }) => (items[n]?.at === at ? [items[n] as Moment] : []));
    const total = (of: (moment: Moment) => number) => moments.reduce((sum, moment) => sum + of(moment), 0);
    const average = (key: "waitSeconds" | "workSeconds") => {
      const count = total((moment) => moment[key]?.count ?? 0);
      return count
        ? total((moment) => (moment[key]?.average ?? 0) * (moment[key]?.count ?? 0)) / count
        : null;
    };
    return {
      at,
      submitted: total(({ submitted }) => submitted),
      succeeded: total(({ succeeded }) => succeeded),
      failed: total(({ failed, expired }) => failed + expired),
      wait: average("waitSeconds"),
      work: average("workSeconds"),
    };
  });
}

/** The value that a share of all is not above (nearest rank); null of none. */
export function percentile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}

const seconds = (from: string | undefined, to: string | undefined) =>
  from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null;

/** How long each task waited to be started and was worked on, of those that were. */
export function durationsOf(tasks: readonly Task[]): { wait: number[]; work: number[] } {
  const known = (values: (number | null)[]) =>
    values.filter((value): value is number => value !== null && value >= 0);
  return {
    wait: known(
      tasks.map(({ createdAt, executeAt, startedAt }) => seconds(executeAt ?? createdAt, startedAt)),
    ),
    work: known(tasks.map(({ startedAt, endedAt }) => seconds(startedAt, endedAt))),
  };
}

/** How often each reason was given, the most frequent first. */
export function reasonsOf(tasks: readonly Task[]): { reason: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const task of tasks) {
    const said = (task.error as { message?: unknown } | undefined)?.message;
    const reason = (typeof said === "string" && said) || task.reason?.type || "?";
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count);
}

export interface Worker {
  key: string;
  name: string;
  program?: string;
  at: string;
  count: number;
}

/** Who held tasks, and when last; the one seen last first. */
export function workersOf(tasks: readonly Task[]): Worker[] {
  const seen = new Map<string, Worker>();
  for (const { holder, worker, endedAt, startedAt, updatedAt } of tasks) {
    if (!holder) continue;
    const key = `${holder.id} ${worker ?? ""}`;
    const at = endedAt ?? startedAt ?? updatedAt;
    const before = seen.get(key);
    const latest = before && before.at > at ? before.at : at;
    seen.set(key, { key, name: holder.name, program: worker, at: latest, count: (before?.count ?? 0) + 1 });
  }
  return [...seen.values()].sort((a, b) => b.at.localeCompare(a.at));
}
