/** A flow as a graph of its steps, as they are now. */
import "@xyflow/react/dist/base.css";
import "./flows.css";
import { useMediaQuery } from "@mantine/hooks";
import {
  Background,
  Controls,
  type Edge,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from "@xyflow/react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { StateMark, toneOf } from "@/ui/parts";
import { NODE, placed, type Step } from "./layout";

type StepNode = Node<{ step: Step; down: boolean; chosen: boolean; choose: (name: string) => void }, "step">;

export default function Graph({
  steps,
  chosen,
  choose,
}: {
  steps: readonly Step[];
  chosen: string | null;
  choose: (name: string) => void;
}) {
  const { t } = useTranslation();
  const down = useMediaQuery("(max-width: 47.99em)", undefined, { getInitialValueInEffect: false }) ?? false;
  const shape = steps.map(({ name, after }) => `${name}<${after.join()}`).join(";");
  // biome-ignore lint/correctness/useExhaustiveDependencies: steps move only when the shape is another.
  const places = useMemo(
    () => new Map(placed(steps, down).map((each) => [each.step.name, each])),
    [shape, down],
  );
  const nodes: StepNode[] = steps.map((step) => ({
    id: step.name,
    type: "step",
    position: { x: places.get(step.name)?.x ?? 0, y: places.get(step.name)?.y ?? 0 },
    data: { step, down, chosen: chosen === step.name, choose },
    width: NODE.width,
    height: NODE.height,
  }));
  const edges: Edge[] = steps.flatMap((step) =>
    step.after.map((before) => ({
      id: `${before}>${step.name}`,
      source: before,
      target: step.name,
      animated: step.status === "running",
      focusable: false,
    })),
  );
  return (
    <div className="flow-graph" role="group" aria-label={t("flows.graph")}>
      <ReactFlow
        key={`${shape}${down}`}
        nodes={nodes}
        edges={edges}
        nodeTypes={TYPES}
        fitView
        fitViewOptions={{ maxZoom: 1, padding: 0.15 }}
        minZoom={0.2}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        elementsSelectable={false}
        zoomOnScroll={false}
        preventScrolling={false}
        proOptions={{ hideAttribution: true }}
      >
        <Background gap={20} color="var(--mantine-color-default-border)" />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

function StepBox({ data: { step, down, chosen, choose } }: NodeProps<StepNode>) {
  return (
    <>
      <Handle type="target" position={down ? Position.Top : Position.Left} />
      <button
        type="button"
        className="flow-step nopan"
        aria-pressed={chosen}
        onClick={() => choose(step.name)}
        style={{ "--tone": toneOf(step.status) } as React.CSSProperties}
      >
        <span className="flow-step-name">{step.name}</span>
        <span className="flow-step-state">
          <StateMark state={step.status} />
          {step.fan && (
            <span className="numbers">
              {step.done} / {step.count}
            </span>
          )}
        </span>
      </button>
      <Handle type="source" position={down ? Position.Bottom : Position.Right} />
    </>
  );
}

const TYPES = { step: StepBox };
