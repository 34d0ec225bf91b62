/** Begins a flow: by which template, on what. */
import { Button, Group, Modal, Select, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useGo } from "@/app/go";
import { useMe } from "@/auth/SessionProvider";
import { hasFields, SchemaForm } from "@/forms";
import { useAct } from "@/ui/act";
import { faultOfJson, JsonEditor } from "@/ui/JsonEditor";

export function StartFlow({ first, close }: { first: string; close: () => void }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const go = useGo();
  const act = useAct();
  const [template, setTemplate] = useState(first);
  const [label, setLabel] = useState("");
  const [params, setParams] = useState<unknown>(undefined);
  const [text, setText] = useState("");
  const templates = useQuery({
    queryKey: [tenant, "flow-templates", "all"],
    queryFn: async () =>
      (await data(api.GET("/api/v1/flow-templates", { params: { query: { limit: 1000 } } }))).items,
  });
  const chosen = templates.data?.find(({ name }) => name === template);
  const schema = chosen?.paramsSchema;

  async function start(given: unknown) {
    const flow = await act(
      () =>
        data(
          api.POST("/api/v1/flows", {
            body: { template, label: label.trim() || undefined, params: given as never },
          }),
        ),
      t("flows.said.started"),
    );
    if (!flow) return;
    close();
    go(`flows/${flow.id}`);
  }
  const buttons = (
    <Group justify="flex-end" mt="md">
      <Button type="submit" form="flow-params" disabled={!template || Boolean(faultOfJson(text))}>
        {t("flows.start")}
      </Button>
    </Group>
  );
  return (
    <Modal opened onClose={close} title={t("flows.start")} size="lg">
      <Stack gap="sm">
        <Select
          label={t("flows.template")}
          data={templates.data?.map(({ name }) => name) ?? []}
          value={template || null}
          onChange={(name) => setTemplate(name ?? "")}
          searchable
          data-autofocus
        />
        <TextInput
          label={t("flows.label")}
          value={label}
          onChange={(event) => setLabel(event.currentTarget.value)}
        />
        {hasFields(schema) ? (
          <SchemaForm id="flow-params" schema={schema} value={params} onChange={setParams} onSubmit={start}>
            {buttons}
          </SchemaForm>
        ) : (
          <form
            id="flow-params"
            onSubmit={(event) => {
              event.preventDefault();
              start(text.trim() ? JSON.parse(text) : undefined);
            }}
          >
            <JsonEditor label={t("tasks.params")} value={text} onChange={setText} minRows={4} />
            {buttons}
          </form>
        )}
      </Stack>
    </Modal>
  );
}
