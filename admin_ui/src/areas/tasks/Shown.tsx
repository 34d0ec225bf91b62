/** What a task carries, read only: as a form by its schema, as rows where there is none, or as JSON. */
import { SegmentedControl, SimpleGrid } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Fact, Json, Panel } from "@/ui/parts";

/** Fields of an object that one line says. */
function rowsOf(value: unknown, schema: unknown): [string, string][] | null {
  if (!value || typeof value !== "object" || Array.isArray(value)) return null;
  const fields = ((schema ?? {}) as { properties?: Record<string, { title?: string }> }).properties ?? {};
  return Object.entries(value).map(([key, each]) => [
    fields[key]?.title ?? wordsOf(key),
    typeof each === "string" ? each : JSON.stringify(each),
  ]);
}

/** `timeOfDay` as "Time of day". */
export function wordsOf(key: string): string {
  const spaced = key.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/[_-]+/g, " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1).toLowerCase();
}

export function Shown({ title, value, schema }: { title: string; value: unknown; schema?: unknown }) {
  const { t } = useTranslation();
  const [raw, setRaw] = useState(false);
  const rows = rowsOf(value, schema);
  return (
    <Panel
      title={title}
      actions={
        rows && (
          <SegmentedControl
            size="xs"
            aria-label={t("tasks.shape")}
            data={[
              { value: "fields", label: t("tasks.fields") },
              { value: "json", label: "JSON" },
            ]}
            value={raw ? "json" : "fields"}
            onChange={(chosen) => setRaw(chosen === "json")}
          />
        )
      }
    >
      {rows && !raw ? (
        <SimpleGrid cols={{ base: 2, xs: 3 }} spacing="md" verticalSpacing="sm">
          {rows.map(([name, said]) => (
            <Fact key={name} name={name}>
              {said === "" ? "—" : said}
            </Fact>
          ))}
        </SimpleGrid>
      ) : (
        <Json value={value} label={title} />
      )}
    </Panel>
  );
}
