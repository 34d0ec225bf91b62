/** French has the same words as English, and every word that the code names is there. */
import { expect, test } from "vitest";
import en from "./en.json";
import fr from "./fr.json";

function keysOf(words: object, above = ""): string[] {
  return Object.entries(words).flatMap(([key, value]) =>
    typeof value === "object" ? keysOf(value, `${above}${key}.`) : [`${above}${key}`],
  );
}

test("both languages have the same keys", () => {
  expect(keysOf(fr).sort()).toEqual(keysOf(en).sort());
});

test("both languages fill in the same values", () => {
  const values = (words: object) =>
    JSON.stringify(words)
      .match(/\{\{\w+\}\}/g)
      ?.sort();
  expect(values(fr)).toEqual(values(en));
});

const sources = Object.entries(
  import.meta.glob<string>(["../**/*.{ts,tsx}", "!../api/schema.d.ts", "!../**/*.test.ts"], {
    query: "?raw",
    import: "default",
    eager: true,
  }),
);
const known = new Set(keysOf(en).map((key) => key.replace(/_(one|other)$/, "")));
const tops = new Set(Object.keys(en));

test("every key in the code has its words", () => {
  const missing = sources.flatMap(([file, code]) =>
    [...code.matchAll(/"([a-z][A-Za-z]*(?:\.[A-Za-z-]+)+)"/g)]
      .map(([, key]) => key as string)
      .filter((key) => tops.has(key.split(".")[0] as string) && !known.has(key))
      .map((key) => `${file}: ${key}`),
  );
  expect(sources.length).toBeGreaterThan(100);
  expect(missing).toEqual([]);
});
