/** When a schedule fires, and meanwhile when that would be. */
import { Autocomplete, NumberInput, SegmentedControl, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import type { FieldsProps } from "@/automation/Editor";
import { wordsOf } from "@/ui/act";
import { shortMoment } from "@/ui/format";
import { type Draft, triggerOf } from "./draft";

const ZONES = Intl.supportedValuesOf("timeZone");

export function TimeFields({ draft, set }: FieldsProps<Draft>) {
  const { t } = useTranslation();
  return (
    <>
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
    </>
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
