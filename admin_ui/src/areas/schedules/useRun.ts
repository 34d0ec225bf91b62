/** Lets a schedule fire now. */
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { useDoing } from "@/automation/kind";
import { SCHEDULES, type Schedule } from "./kind";

export function useRun({ id }: Schedule) {
  const { t } = useTranslation();
  const { api } = useMe();
  const { done } = useDoing(SCHEDULES);
  const run = () =>
    done(
      () => data(api.POST("/api/v1/schedules/{schedule_id}/run", { params: { path: { schedule_id: id } } })),
      t("schedules.said.ran"),
    );
  return { run };
}
