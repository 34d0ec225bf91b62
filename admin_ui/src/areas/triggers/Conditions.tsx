/** A trigger's conditions in words, each on a line of its own. */
import { Stack } from "@mantine/core";
import { wordsOf } from "./draft";
import type { Trigger } from "./kind";

export function Conditions({ trigger }: { trigger: Trigger }) {
  return (
    <Stack gap={2}>
      {[...new Set(trigger.selectBy.map(wordsOf))].map((words) => (
        <code key={words} style={{ fontSize: 12.5 }}>
          {words}
        </code>
      ))}
    </Stack>
  );
}
