/** What somebody typed into a task's form and has not sent yet, kept in this browser until it is. */

const PREFIX = "penstock.draft.";
const OLDEST = 30 * 24 * 3600 * 1000;

interface Draft {
  at: number;
  value: unknown;
}

const keyOf = (tenant: string, task: string) => `${PREFIX}${tenant}.${task}`;

/** The draft of a task, undefined when there is none. */
export function draftOf(tenant: string, task: string): unknown {
  try {
    const kept = JSON.parse(localStorage.getItem(keyOf(tenant, task)) ?? "null") as Draft | null;
    return kept?.value;
  } catch {
    return undefined;
  }
}

/** Keep a draft; a full store is no reason to lose what is on the screen. */
export function keepDraft(tenant: string, task: string, value: unknown, now = Date.now()): boolean {
  try {
    localStorage.setItem(keyOf(tenant, task), JSON.stringify({ at: now, value } satisfies Draft));
    return true;
  } catch {
    return false;
  }
}

export function dropDraft(tenant: string, task: string): void {
  localStorage.removeItem(keyOf(tenant, task));
}

/** Forget drafts that nobody came back to for a month. */
export function sweepDrafts(now = Date.now()): void {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(PREFIX)) continue;
    try {
      const kept = JSON.parse(localStorage.getItem(key) ?? "null") as Draft | null;
      if (kept && now - kept.at < OLDEST) continue;
    } catch {
      // Not ours to read any more: removed below.
    }
    localStorage.removeItem(key);
  }
}
