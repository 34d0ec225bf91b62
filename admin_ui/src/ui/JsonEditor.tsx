/** JSON that is typed; says whether it can be read, and puts it in order. */
import { Button, Group, Textarea } from "@mantine/core";
import { useTranslation } from "react-i18next";

interface Props {
  label: string;
  description?: string;
  value: string;
  onChange: (value: string) => void;
  error?: string;
  minRows?: number;
  maxRows?: number;
}

/** What is wrong with a text as JSON; undefined when nothing is. An empty text is nothing yet. */
export function faultOfJson(text: string): string | undefined {
  if (!text.trim()) return undefined;
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export function JsonEditor({ label, description, value, onChange, error, minRows = 8, maxRows = 24 }: Props) {
  const { t } = useTranslation();
  const fault = faultOfJson(value);
  return (
    <div>
      <Textarea
        label={label}
        description={description}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        error={error ?? (fault && t("json.fault", { fault }))}
        autosize
        minRows={minRows}
        maxRows={maxRows}
        spellCheck={false}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12.5 } }}
      />
      <Group justify="flex-end" mt={4}>
        <Button
          size="compact-xs"
          variant="subtle"
          disabled={Boolean(fault) || !value.trim()}
          onClick={() => onChange(JSON.stringify(JSON.parse(value), null, 2))}
        >
          {t("json.tidy")}
        </Button>
      </Group>
    </div>
  );
}
