/** Doing something at a button's press: says that it is done, or why not. */
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problems";
import { notify } from "./notices";

/** What a refusal says, with its faults. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Problem)) return error instanceof Error ? error.message : String(error);
  const faults = Object.entries(error.faults).map(([field, message]) => `${field}: ${message}`);
  return [error.message, ...faults].join(" ");
}

/** Says that something is done. */
export function said(message: string): void {
  notify({ message, color: "green", autoClose: 3000 });
}

/** Runs work; answers what it answered, or undefined when it was refused (which was shown then). */
export function useAct(): <T>(work: () => Promise<T>, words?: string) => Promise<T | undefined> {
  const { t } = useTranslation();
  return useCallback(
    async (work, words) => {
      try {
        const done = await work();
        if (words) said(words);
        return done;
      } catch (error) {
        notify({
          title: error instanceof Problem ? error.body.title : t("problem.title"),
          message: wordsOf(error),
          color: "red",
          autoClose: 8000,
        });
        return undefined;
      }
    },
    [t],
  );
}
