/** Chooses the task or flow that a schedule or a trigger starts. */
import { SegmentedControl, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useQueues } from "@/areas/queues/useQueues";
import { useMe } from "@/auth/SessionProvider";
import { JsonEditor } from "@/ui/JsonEditor";
import type { OrderDraft } from "./order";

interface Props {
  draft: OrderDraft;
  set: (changes: Partial<OrderDraft>) => void;
  /** What may stand in the params. */
  paramsHint?: string;
}

export function OrderFields({ draft, set, paramsHint }: Props) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const queues = useQueues();
  const definitions = useQuery({
    queryKey: [tenant, "definitions", "all"],
    queryFn: async () =>
      (await data(api.GET("/api/v1/definitions", { params: { query: { limit: 1000 } } }))).items,
  });
  const templates = useQuery({
    queryKey: [tenant, "flow-templates", "all"],
    queryFn: async () =>
      (await data(api.GET("/api/v1/flow-templates", { params: { query: { limit: 1000 } } }))).items,
  });
  return (
    <>
      <SegmentedControl
        aria-label={t("automation.what")}
        data={[
          { value: "task", label: t("tasks.task") },
          { value: "flow", label: t("flows.flow") },
        ]}
        value={draft.what}
        onChange={(what) => set({ what: what as OrderDraft["what"] })}
      />
      {draft.what === "task" ? (
        <>
          <Select
            label={t("tasks.columns.queue")}
            data={queues.data?.map(({ key }) => key) ?? []}
            value={draft.queue || null}
            onChange={(queue) => set({ queue: queue ?? "" })}
            searchable
            clearable
            disabled={Boolean(draft.definition)}
          />
          <Select
            label={t("tasks.definition")}
            data={definitions.data?.map(({ name }) => name) ?? []}
            value={draft.definition || null}
            onChange={(definition) => set({ definition: definition ?? "" })}
            searchable
            clearable
          />
          <TextInput
            label={t("tasks.name")}
            value={draft.name}
            onChange={(event) => set({ name: event.currentTarget.value })}
          />
        </>
      ) : (
        <Select
          label={t("flows.template")}
          data={templates.data?.map(({ name }) => name) ?? []}
          value={draft.template || null}
          onChange={(template) => set({ template: template ?? "" })}
          searchable
        />
      )}
      <JsonEditor
        label={t("tasks.params")}
        description={paramsHint}
        value={draft.params}
        onChange={(params) => set({ params })}
        minRows={4}
      />
    </>
  );
}
