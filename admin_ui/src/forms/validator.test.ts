/** Faults are found where they are, without compiling anything. */
import i18next from "i18next";
import { beforeAll, expect, test } from "vitest";
import { faultsOf, validator } from "./validator";

beforeAll(async () => {
  await i18next.init({ lng: "en", resources: { en: { translation: { fault: { required: "is needed" } } } } });
});

const SCHEMA = {
  type: "object",
  required: ["decision"],
  properties: {
    decision: { enum: ["repair", "ignore"] },
    cost: { type: "number", minimum: 0 },
    parts: { type: "array", items: { $ref: "#/$defs/part" } },
  },
  $defs: {
    part: { type: "object", required: ["name"], properties: { name: { type: "string", minLength: 2 } } },
  },
};

test("what fits has no fault", () => {
  expect(faultsOf(SCHEMA, { decision: "repair", cost: 3, parts: [{ name: "wing" }] })).toEqual([]);
});

test("what is missing is named where it is missing", () => {
  expect(faultsOf(SCHEMA, {})).toEqual([{ path: ["decision"], keyword: "required", message: "is needed" }]);
});

test("only what is wrong itself is a fault, with its path", () => {
  const found = faultsOf(SCHEMA, { decision: "burn", cost: -1, parts: [{ name: "x" }] });
  expect(found.map(({ path, keyword }) => [path.join("."), keyword])).toEqual([
    ["decision", "enum"],
    ["cost", "minimum"],
    ["parts.0.name", "minLength"],
  ]);
});

test("a part of a schema finds the definitions of the whole", () => {
  expect(validator.isValid({ $ref: "#/$defs/part" }, { name: "wing" }, SCHEMA as never)).toBe(true);
  expect(validator.isValid({ $ref: "#/$defs/part" }, {}, SCHEMA as never)).toBe(false);
});

test("a form gets its errors by field", () => {
  const { errorSchema } = validator.validateFormData({ parts: [{}] }, SCHEMA as never);
  expect(errorSchema).toMatchObject({
    decision: { __errors: ["is needed"] },
    parts: { 0: { name: { __errors: ["is needed"] } } },
  });
});
