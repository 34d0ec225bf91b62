/** Where the steps of a flow are drawn, and when each of them ran. Pure. */
import dagre from "@dagrejs/dagre";
import type { Schemas } from "@/api/client";

export type Step = Schemas["FlowStepView"];

export const NODE = { width: 190, height: 62 };

export interface Placed {
  step: Step;
  x: number;
  y: number;
}

/** Every step with its place: after all that it waits for, from left to right or from above down. */
export function placed(steps: readonly Step[], down: boolean): Placed[] {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: down ? "TB" : "LR", nodesep: 24, ranksep: 56 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const step of steps) graph.setNode(step.name, { ...NODE });
  for (const step of steps) for (const before of step.after) graph.setEdge(before, step.name);
  dagre.layout(graph);
  return steps.map((step) => {
    const { x, y } = graph.node(step.name);
    return { step, x: x - NODE.width / 2, y: y - NODE.height / 2 };
  });
}

export interface Bar {
  step: Step;
  /** Shares of the whole, 0 to 1. */
  from: number;
  to: number;
  seconds: number | null;
  /** The step that ended last of those that it waited for. */
  waitedFor: string | null;
}

/** When each step ran, as a share of the flow's time until `now`. Steps that did not begin are at the end. */
export function timeline(steps: readonly Step[], now: number): Bar[] {
  const begins = steps.flatMap(({ startedAt }) => (startedAt ? [Date.parse(startedAt)] : []));
  const ends = steps.map(({ startedAt, endedAt }) => (endedAt ? Date.parse(endedAt) : startedAt ? now : 0));
  const first = Math.min(...begins, now);
  const span = Math.max(1, Math.max(...ends, first) - first);
  const bars = steps.map((step): Bar => {
    const from = step.startedAt ? Date.parse(step.startedAt) : null;
    const to = step.endedAt ? Date.parse(step.endedAt) : from === null ? null : now;
    const last = steps
      .filter(({ name, endedAt }) => step.after.includes(name) && endedAt)
      .sort((a, b) => Date.parse(b.endedAt ?? "") - Date.parse(a.endedAt ?? ""))[0];
    return {
      step,
      from: from === null ? 1 : (from - first) / span,
      to: to === null ? 1 : (to - first) / span,
      seconds: from === null || to === null ? null : (to - from) / 1000,
      waitedFor: from === null ? null : (last?.name ?? null),
    };
  });
  return bars.sort((a, b) => a.from - b.from || a.to - b.to);
}
