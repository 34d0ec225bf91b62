/** A form made from a JSON Schema: for what is submitted, and for what a task's work results in. */
import { withTheme } from "@rjsf/core";
import { Theme } from "@rjsf/mantine";
import { type FieldErrorProps, type RJSFSchema, replaceStringParameters, type UiSchema } from "@rjsf/utils";
import i18next from "i18next";
import type { ComponentType, ReactNode } from "react";
import { validator } from "./validator";

const Form = withTheme(Theme);
const FieldErrors = Theme.templates?.FieldErrorTemplate as ComponentType<FieldErrorProps> | undefined;

/** The inputs show their own errors; only lists and groups of fields need them said below. */
function GroupErrors(props: FieldErrorProps) {
  const grouped = props.schema.type === "array" || props.schema.type === "object";
  return grouped && FieldErrors ? <FieldErrors {...props} /> : null;
}

const TEMPLATES = { FieldErrorTemplate: GroupErrors };

export interface SchemaFormProps {
  schema: object;
  value: unknown;
  onChange?: (value: unknown) => void;
  /** Called with what fits the schema only. */
  onSubmit?: (value: unknown) => void;
  readonly?: boolean;
  /** Buttons below the fields. */
  children?: ReactNode;
  id: string;
}

const text = (said: string, params?: string[]) =>
  replaceStringParameters(i18next.t(`form.${said}`, { defaultValue: said, keySeparator: "|" }), params);

export default function SchemaForm({
  schema,
  value,
  onChange,
  onSubmit,
  readonly,
  children,
  id,
}: SchemaFormProps) {
  return (
    <Form
      id={id}
      idPrefix={id}
      schema={withoutTitle(schema)}
      uiSchema={lookOf(schema, Boolean(readonly))}
      validator={validator}
      templates={TEMPLATES}
      formData={value ?? undefined}
      readonly={readonly}
      disabled={readonly}
      noHtml5Validate
      showErrorList={false}
      liveValidate="onBlur"
      focusOnFirstError
      translateString={text}
      experimental_defaultFormStateBehavior={{ emptyObjectFields: "skipDefaults" }}
      onChange={({ formData }) => onChange?.(formData)}
      onSubmit={({ formData }) => onSubmit?.(formData)}
    >
      {children ?? <span hidden />}
    </Form>
  );
}

/** The form stands below a heading of its own. */
function withoutTitle(schema: object): RJSFSchema {
  const { title: _, description: __, ...rest } = schema as Record<string, unknown>;
  return rest as RJSFSchema;
}

/** Long texts get room; choices of a few are seen at once. */
function lookOf(schema: object, readonly: boolean): UiSchema {
  const look: UiSchema = { "ui:submitButtonOptions": { norender: true } };
  const fields = (schema as { properties?: Record<string, Record<string, unknown>> }).properties ?? {};
  for (const [name, field] of Object.entries(fields)) {
    const choices = Array.isArray(field.enum) ? field.enum.length : 0;
    if (
      field.type === "string" &&
      !choices &&
      (Number(field.maxLength ?? 0) > 200 || field.format === "textarea")
    ) {
      look[name] = { "ui:widget": "textarea", "ui:options": { rows: 4 } };
    } else if (choices > 0 && choices <= 4 && !readonly) {
      look[name] = { "ui:widget": "radio", "ui:options": { inline: true } };
    }
  }
  return look;
}
