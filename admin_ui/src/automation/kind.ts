/** What schedules and triggers have in common: they start a task or a flow by themselves, and keep a history of that. */
import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { Client, Schemas } from "@/api/client";
import { useGo } from "@/app/go";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { confirmed } from "@/ui/confirm";
import type { OrderDraft } from "./order";

export interface Starter
  extends Pick<
    Schemas["TriggerView"],
    "id" | "displayName" | "description" | "task" | "flow" | "paused" | "last" | "version"
  > {
  /** Where it can be something else than active or paused. */
  status?: string;
}

export type Entry = Pick<Schemas["TriggerRunView"], "id" | "at" | "status" | "run" | "reason">;

export interface StarterDraft extends OrderDraft {
  id: string;
  displayName: string;
  description: string;
}

interface Page<T> {
  items: T[];
  next: string | null;
}

/** One of the two: its calls, and its settings as they are typed. Every call throws what was refused. */
export interface Kind<T extends Starter, E extends Entry, D extends StarterDraft> {
  /** The path of its pages, and the key of its words. */
  area: "schedules" | "triggers";
  page: (api: Client, after?: string) => Promise<Page<T>>;
  read: (api: Client, id: string) => Promise<T>;
  entries: (api: Client, id: string, after?: string) => Promise<Page<E>>;
  create: (api: Client, draft: D) => Promise<T>;
  /** Changes what differs from the thing as it was, if that is still its version. */
  change: (api: Client, was: T, draft: D) => Promise<T>;
  pause: (api: Client, id: string) => Promise<T>;
  resume: (api: Client, id: string) => Promise<T>;
  remove: (api: Client, id: string) => Promise<unknown>;
  /** As it is typed; what a new one begins with when there is none. */
  draftOf: (thing?: T) => D;
}

// biome-ignore lint/suspicious/noExplicitAny: which settings it has does not matter to what lists it or acts on it.
export type AnyKind<T extends Starter, E extends Entry = any> = Kind<T, E, any>;

export const nameOf = ({ displayName, id }: Starter) => displayName ?? id;
export const statusOf = ({ status, paused }: Starter) => status ?? (paused ? "paused" : "active");
export const pathOf = (kind: { area: string }, id: string) => `${kind.area}/${encodeURIComponent(id)}`;

/** Does work for a person, says so, and looks at everything of the kind again. */
export type Done = <R>(work: () => Promise<R>, words: string) => Promise<R | undefined>;

/** What is done to one of them. */
export function useDoing<T extends Starter>(kind: AnyKind<T>) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const go = useGo();
  const cache = useQueryClient();
  const act = useAct();
  const { area } = kind;

  const done: Done = async (work, words) => {
    const answer = await act(work, words);
    await cache.invalidateQueries({ queryKey: [tenant, area] });
    return answer;
  };
  const toggle = ({ id, paused }: T) =>
    paused
      ? done(() => kind.resume(api, id), t(`${area}.said.resumed`))
      : done(() => kind.pause(api, id), t(`${area}.said.paused`));

  async function remove({ id }: T) {
    const title = t(`${area}.ask.remove`);
    if (!(await confirmed({ title, body: t(`${area}.removeHint`), yes: t("action.delete") }))) return;
    const gone = await act(
      async () => {
        await kind.remove(api, id);
        return true;
      },
      t(`${area}.said.removed`),
    );
    if (!gone) return;
    // Its page still shows it, and is not to ask for it again.
    await cache.invalidateQueries({ queryKey: [tenant, area], refetchType: "none" });
    go(area);
  }
  return { done, toggle, remove };
}
