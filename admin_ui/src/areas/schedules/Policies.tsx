/** What a firing does that comes while another runs, or too late. */
import { Select, SimpleGrid } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { FieldsProps } from "@/automation/Editor";
import type { Draft } from "./draft";

export function Policies({ draft, set }: FieldsProps<Draft>) {
  const { t } = useTranslation();
  return (
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
  );
}
