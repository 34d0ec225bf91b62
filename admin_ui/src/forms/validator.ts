/** Validates forms against their JSON Schema by interpreting it: the page's policy forbids validators that compile code. */
import { type OutputUnit, type Schema, Validator } from "@cfworker/json-schema";
import type {
  ErrorSchema,
  RJSFSchema,
  RJSFValidationError,
  ValidationData,
  ValidatorType,
} from "@rjsf/utils";
import {
  createErrorHandler,
  getDefaultFormState,
  toErrorSchema,
  unwrapErrorHandler,
  validationDataMerge,
} from "@rjsf/utils";
import i18next from "i18next";

/** Keywords that only say that something below them is wrong. */
const OUTER = new Set([
  "properties",
  "items",
  "prefixItems",
  "additionalProperties",
  "$ref",
  "allOf",
  "if",
  "then",
  "else",
]);

export interface Fault {
  /** Keys and indexes from the top to what is wrong. */
  path: string[];
  keyword: string;
  message: string;
}

/** What is wrong with a value, in the reader's language as far as the keyword is known. */
export function faultsOf(schema: object, value: unknown, root: object = schema): Fault[] {
  const rooted =
    root === schema ? schema : { ...schema, $defs: defsOf(root), definitions: partOf(root, "definitions") };
  const draft = String((root as Record<string, unknown>).$schema ?? "").includes("draft-07")
    ? "7"
    : "2020-12";
  const { errors } = new Validator(rooted as Schema, draft, false).validate(value ?? null);
  return errors.filter(({ keyword }) => !OUTER.has(keyword)).map(faultOf);
}

function partOf(root: object, key: string): unknown {
  return (root as Record<string, unknown>)[key] ?? {};
}

function defsOf(root: object): unknown {
  return partOf(root, "$defs");
}

function faultOf(unit: OutputUnit): Fault {
  const path = unit.instanceLocation
    .split("/")
    .slice(1)
    .map((part) => decodeURIComponent(part).replace(/~1/g, "/").replace(/~0/g, "~"));
  const named = /property "(.*)"/.exec(unit.error)?.[1];
  if (unit.keyword === "required" && named !== undefined) path.push(named);
  const key = `fault.${unit.keyword}`;
  const message = i18next.t(key, { defaultValue: "" }) || unit.error;
  return { path, keyword: unit.keyword, message };
}

function asRjsf({ path, keyword, message }: Fault): RJSFValidationError {
  const property = path.map((part) => `.${part}`).join("");
  return {
    name: keyword,
    property,
    message,
    params: {},
    stack: `${path.join(".")} ${message}`,
    schemaPath: keyword,
  };
}

/** For `@rjsf/core`. */
export const validator: ValidatorType = {
  validateFormData(formData, schema, customValidate, transformErrors, uiSchema): ValidationData<unknown> {
    let errors = faultsOf(schema as object, formData).map(asRjsf);
    if (transformErrors) errors = transformErrors(errors, uiSchema);
    const errorSchema: ErrorSchema<unknown> = toErrorSchema(errors);
    if (!customValidate) return { errors, errorSchema };
    const filled = getDefaultFormState(validator, schema, formData, schema, true);
    const handler = customValidate(filled, createErrorHandler(filled), uiSchema, errorSchema as never);
    return validationDataMerge({ errors, errorSchema }, unwrapErrorHandler(handler));
  },
  isValid(schema: RJSFSchema, formData, rootSchema: RJSFSchema) {
    try {
      return faultsOf(schema, formData, rootSchema).length === 0;
    } catch {
      return false;
    }
  },
  rawValidation(schema, formData) {
    return { errors: faultsOf(schema as object, formData) as never };
  },
};
