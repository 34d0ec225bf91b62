/** The forms' code is loaded when the first one is shown. */
import { lazy, Suspense } from "react";
import { Loading } from "@/ui/states";
import type { SchemaFormProps } from "./SchemaForm";

const Lazy = lazy(() => import("./SchemaForm"));

export function SchemaForm(props: SchemaFormProps) {
  return (
    <Suspense fallback={<Loading />}>
      <Lazy {...props} />
    </Suspense>
  );
}

/** Whether a schema has fields to show as a form: an object with properties. */
export function hasFields(schema: unknown): schema is object {
  if (!schema || typeof schema !== "object") return false;
  const { properties } = schema as { properties?: object };
  return Boolean(properties && Object.keys(properties).length > 0);
}
