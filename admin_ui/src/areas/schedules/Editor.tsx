/** Makes a schedule or changes it, and says meanwhile when it would fire. */
import {
  Autocomplete,
  Button,
  Group,
  NumberInput,
  SegmentedControl,
  Select,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { wordsOf } from "@/ui/act";
import { shortMoment } from "@/ui/format";
import { faultOfJson } from "@/ui/JsonEditor";
import { Panel } from "@/ui/parts";
import { type Draft, triggerOf } from "./draft";
import { OrderFields } from "./OrderFields";
import { isComplete } from "./order";

const ZONES = Intl.supportedValuesOf("timeZone");

interface Props {
  first: Draft;
  isNew: boolean;
  save: (draft: Draft) => Promise<unknown>;
  cancel: () => void;
}

export function Editor({ first, isNew, save, cancel }: Props) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState(first);
  const [refusal, setRefusal] = useState("");
  const [busy, setBusy] = useState(false);
  const set = (changes: Partial<Draft>) => setDraft((before) => ({ ...before, ...changes }));
  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setRefusal("");
    try {
      await save(draft);
    } catch (error) {
      setRefusal(wordsOf(error));
    } finally {
      setBusy(false);
    }
  }
  return (
    <form onSubmit={submit}>
      <Stack>
        <SimpleGrid cols={{ base: 1, md: 2 }}>
          <Panel title={t("schedules.when")}>
            <Stack gap="sm">
              {isNew && (
                <TextInput
                  label={t("schedules.id")}
                  value={draft.id}
                  onChange={(event) => set({ id: event.currentTarget.value })}
                  required
                />
              )}
              <TextInput
                label={t("queues.displayName")}
                value={draft.displayName}
                onChange={(event) => set({ displayName: event.currentTarget.value })}
              />
              <SegmentedControl
                aria-label={t("schedules.when")}
                data={(["cron", "interval", "date"] as const).map((kind) => ({
                  value: kind,
                  label: t(`schedules.kinds.${kind}`),
                }))}
                value={draft.kind}
                onChange={(kind) => set({ kind: kind as Draft["kind"] })}
              />
              {draft.kind === "cron" && (
                <>
                  <TextInput
                    label={t("schedules.expression")}
                    description={t("schedules.expressionHint")}
                    value={draft.expression}
                    onChange={(event) => set({ expression: event.currentTarget.value })}
                    styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
                    required
                  />
                  <Autocomplete
                    label={t("schedules.timeZone")}
                    data={ZONES}
                    limit={30}
                    value={draft.timeZone}
                    onChange={(timeZone) => set({ timeZone })}
                  />
                </>
              )}
              {draft.kind === "interval" && (
                <NumberInput
                  label={t("schedules.every")}
                  suffix=" s"
                  min={1}
                  value={draft.seconds}
                  onChange={(value) => set({ seconds: Number(value) || 1 })}
                />
              )}
              {draft.kind === "date" && (
                <TextInput
                  type="datetime-local"
                  label={t("schedules.at")}
                  value={draft.at}
                  onChange={(event) => set({ at: event.currentTarget.value })}
                  required
                />
              )}
              <Preview draft={draft} />
            </Stack>
          </Panel>
          <Panel title={t("schedules.what")}>
            <Stack gap="sm">
              <OrderFields draft={draft} set={set} />
              <SimpleGrid cols={2}>
                <Select
                  label={t("schedules.overlap")}
                  data={(["allow", "skip", "replace"] as const).map((each) => ({
                    value: each,
                    label: t(`schedules.overlaps.${each}`),
                  }))}
                  value={draft.overlap}
                  onChange={(overlap) => set({ overlap: overlap as Draft["overlap"] })}
                  allowDeselect={false}
                />
                <Select
                  label={t("schedules.misfire")}
                  data={(["skip", "one", "all", "latest"] as const).map((each) => ({
                    value: each,
                    label: t(`schedules.misfires.${each}`),
                  }))}
                  value={draft.misfire}
                  onChange={(misfire) => set({ misfire: misfire as Draft["misfire"] })}
                  allowDeselect={false}
                />
              </SimpleGrid>
            </Stack>
          </Panel>
        </SimpleGrid>
        {refusal && (
          <Text c="var(--pen-red)" size="sm" role="alert">
            {refusal}
          </Text>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={cancel}>
            {t("action.cancel")}
          </Button>
          <Button
            type="submit"
            loading={busy}
            disabled={!isComplete(draft) || Boolean(faultOfJson(draft.params))}
          >
            {t(isNew ? "schedules.create" : "action.save")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Preview({ draft }: { draft: Draft }) {
  const { t } = useTranslation();
  const { api } = useMe();
  const said = JSON.stringify(triggerOf(draft));
  const [trigger] = useDebouncedValue(said, 400);
  const preview = useQuery({
    queryKey: ["schedule-preview", trigger],
    queryFn: () =>
      data(api.POST("/api/v1/schedules/preview", { body: { trigger: JSON.parse(trigger), count: 5 } })),
    retry: false,
  });
  if (preview.error) {
    return (
      <Text size="sm" c="var(--pen-red)" role="status">
        {wordsOf(preview.error)}
      </Text>
    );
  }
  return (
    <div role="status">
      <Text size="sm" fw={500}>
        {preview.data?.words ?? " "}
      </Text>
      {preview.data?.items.map(({ at }) => (
        <Text key={at} size="xs" c="dimmed" className="numbers">
          {shortMoment(at)}
        </Text>
      ))}
      {preview.data?.items.length === 0 && (
        <Text size="xs" c="dimmed">
          {t("schedules.never")}
        </Text>
      )}
    </div>
  );
}
