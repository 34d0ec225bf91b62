/** What somebody types over a thing's settings, while the thing may change on the server. */
import { useState } from "react";

export const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** What of a body is new, by its first level: a change names only that, and leaves the rest as it is. */
export function changesOf<B extends object>(before: B, after: B): Partial<B> {
  const kept = before as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(after).filter(([key, value]) => !isSame(value, kept[key])),
  ) as Partial<B>;
}

export interface Typing<T, D> {
  draft: D;
  set: (changes: Partial<D>) => void;
  /** The thing that the draft is about; its version is the one to change. */
  opened: T;
}

/**
 * A draft of a thing that is looked at again and again. Nothing that was typed is lost: while the thing's settings are as
 * they were (a pause is none of them), or nothing was typed, `opened` follows it; else it stays, and the change of an older
 * version is for the server to refuse. `draftOf` must be the same function each time.
 */
export function useDraft<T, D extends object>(now: T, draftOf: (thing: T) => D): Typing<T, D> {
  const [opened, setOpened] = useState(now);
  const [draft, setDraft] = useState(() => draftOf(now));
  if (now !== opened) {
    const first = draftOf(opened);
    const fresh = draftOf(now);
    if (isSame(first, fresh)) setOpened(now);
    else if (isSame(draft, first)) {
      setOpened(now);
      setDraft(fresh);
    }
  }
  return { draft, opened, set: (changes) => setDraft((before) => ({ ...before, ...changes })) };
}
