/** Whom an event of the type `assigned` gave the task to. */
import type { Schemas } from "@/api/client";

export type Event = Schemas["EventView"];

/** The name; undefined when it was given back to all. The event's data holds the assignments before and after it. */
export function givenTo(event: Event): string | undefined {
  const { to } = (event.data ?? {}) as { to?: { to?: { name: string } | null } | null };
  return to?.to?.name;
}
