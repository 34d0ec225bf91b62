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

/** What makes one JSON of another by RFC 7396, at every level: null is what is taken away. */
export function patchOf(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return after;
  const gone = Object.keys(before).filter((key) => !(key in after));
  return Object.fromEntries([
    ...gone.map((key) => [key, null]),
    ...Object.entries(after)
      .filter(([key, value]) => !isSame(value, before[key]))
      .map(([key, value]) => [key, patchOf(before[key], value)]),
  ]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export interface Typing<T, D> {
  draft: D;
  set: (changes: Partial<D>) => void;
  isChanged: boolean;
  /** The thing that the draft is about; its version is the one to change. */
  opened: T;
  /** The draft was kept: it begins anew with what became of the thing. */
  kept: (thing: T) => void;
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
  return {
    draft,
    opened,
    isChanged: !isSame(draft, draftOf(opened)),
    set: (changes) => setDraft((before) => ({ ...before, ...changes })),
    kept: (thing) => {
      setOpened(thing);
      setDraft(draftOf(thing));
    },
  };
}
