/** One trigger: what it waits for, what it started, and its settings. */
import { Modal } from "@mantine/core";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Detail, New, type Parts } from "@/automation/Detail";
import { useDoing } from "@/automation/kind";
import { Panel } from "@/ui/parts";
import { ConditionFields } from "./ConditionFields";
import { Conditions } from "./Conditions";
import type { Draft } from "./draft";
import { type Run, TRIGGERS, type Trigger } from "./kind";
import { RunNow } from "./RunNow";

const PARTS: Parts<Trigger, Run, Draft> = {
  kind: TRIGGERS,
  fields: {
    When: ConditionFields,
    paramsHint: "triggers.paramsHint",
    isReady: ({ conditions }) => conditions.length > 0 && conditions.every(({ path }) => path.trim()),
  },
  columns: ({ at, state, became }, t) => [
    at,
    {
      name: t("triggers.record"),
      cell: ({ record }) => <span style={{ overflowWrap: "anywhere" }}>{record}</span>,
    },
    state,
    became,
  ],
  When,
  useRun,
};

export const NewTrigger = () => <New parts={PARTS} />;

export function TriggerDetail() {
  const { trigger = "" } = useParams({ strict: false }) as { trigger?: string };
  return <Detail parts={PARTS} id={trigger} />;
}

function When({ thing }: { thing: Trigger }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("triggers.when")}>
      <Conditions trigger={thing} />
    </Panel>
  );
}

/** Asks for which record. */
function useRun({ id }: Trigger) {
  const { t } = useTranslation();
  const { done } = useDoing(TRIGGERS);
  const [open, setOpen] = useState(false);
  const close = () => setOpen(false);
  const dialog = (
    <Modal opened={open} onClose={close} title={t("triggers.run")} size="lg">
      <RunNow id={id} close={close} done={done} />
    </Modal>
  );
  return { run: () => setOpen(true), dialog };
}
