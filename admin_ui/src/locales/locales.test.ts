/** French has the same words as English. */
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
