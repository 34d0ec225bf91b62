/** Begins an import: a file from this computer, or one at an address. */
import {
  Button,
  FileInput,
  Group,
  Modal,
  SegmentedControl,
  Select,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { data, headersOf, type Schemas } from "@/api/client";
import { problemOf } from "@/api/problems";
import { partsOf } from "@/areas/queues/useQueues";
import { useMe } from "@/auth/SessionProvider";
import { wordsOf } from "@/ui/act";
import type { Import } from "./index";

interface Props {
  queues: Schemas["QueueView"][];
  first?: string;
  close: () => void;
  made: (id: string) => void;
}

interface Order {
  lines: "params" | "tasks";
  definition?: string;
  name?: string;
  recordIdField?: string;
}

export function NewImport({ queues, first, close, made }: Props) {
  const { t } = useTranslation();
  const { api, session } = useMe();
  const [queue, setQueue] = useState<string | null>(first ?? queues[0]?.key ?? null);
  const [from, setFrom] = useState("file");
  const [file, setFile] = useState<File | null>(null);
  const [place, setPlace] = useState({ url: "", secretRef: "", region: "" });
  const [order, setOrder] = useState<Order>({ lines: "params" });
  const [refusal, setRefusal] = useState("");
  const [busy, setBusy] = useState(false);
  const manages = queues.find(({ key }) => key === queue)?.rights.includes("manage");
  const said = Object.fromEntries(Object.entries(order).filter(([, value]) => value?.trim())) as {
    lines: "params";
  };

  async function upload(key: string, content: File): Promise<Import> {
    const { namespace, name } = partsOf(key);
    const words = new URLSearchParams({ ...said, fileName: content.name });
    const path = `/api/v1/queues/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/imports/upload`;
    const answer = await fetch(`${path}?${words}`, {
      method: "POST",
      headers: { ...(await headersOf(session)), "Content-Type": "application/octet-stream" },
      body: content,
    });
    if (!answer.ok) throw await problemOf(answer);
    return answer.json();
  }
  const fetched = (key: string) =>
    data(
      api.POST("/api/v1/queues/{namespace}/{name}/imports", {
        params: { path: partsOf(key) },
        body: {
          url: place.url.trim(),
          secretRef: place.secretRef.trim() || undefined,
          region: place.region.trim() || undefined,
          ...said,
        } as never,
      }),
    );
  async function begin(event: FormEvent) {
    event.preventDefault();
    if (!queue) return;
    setBusy(true);
    setRefusal("");
    try {
      const begun = from === "file" ? await upload(queue, file as File) : await fetched(queue);
      close();
      made((begun as Import).id);
    } catch (error) {
      setRefusal(wordsOf(error));
    } finally {
      setBusy(false);
    }
  }
  const word = (key: keyof Order, label: string, description?: string) => (
    <TextInput
      label={label}
      description={description}
      value={order[key] ?? ""}
      onChange={(event) => setOrder({ ...order, [key]: event.currentTarget.value })}
    />
  );
  return (
    <Modal opened onClose={close} title={t("imports.new")} size="lg">
      <form onSubmit={begin}>
        <Stack gap="sm">
          <Select
            label={t("tasks.columns.queue")}
            data={queues.map(({ key }) => key)}
            value={queue}
            onChange={setQueue}
            searchable
            allowDeselect={false}
          />
          <SegmentedControl
            aria-label={t("imports.from")}
            data={[
              { value: "file", label: t("imports.froms.file") },
              { value: "link", label: t("imports.froms.link") },
            ]}
            value={from}
            onChange={setFrom}
          />
          {from === "file" ? (
            <FileInput
              label={t("imports.file")}
              description={t("imports.fileHint")}
              placeholder={t("imports.choose")}
              accept=".ndjson,.jsonl,.json,.gz,application/x-ndjson,application/gzip"
              value={file}
              onChange={setFile}
              clearable
              clearButtonProps={{ "aria-label": t("imports.otherFile") }}
            />
          ) : (
            <>
              <TextInput
                label={t("webhooks.url")}
                description={t("imports.urlHint")}
                placeholder="https://… s3://… gs://…"
                value={place.url}
                onChange={(event) => setPlace({ ...place, url: event.currentTarget.value })}
                required
              />
              {manages && (
                <SimpleGrid cols={{ base: 1, xs: 2 }}>
                  <TextInput
                    label={t("imports.secret")}
                    value={place.secretRef}
                    onChange={(event) => setPlace({ ...place, secretRef: event.currentTarget.value })}
                  />
                  <TextInput
                    label={t("imports.region")}
                    value={place.region}
                    onChange={(event) => setPlace({ ...place, region: event.currentTarget.value })}
                  />
                </SimpleGrid>
              )}
            </>
          )}
          <Select
            label={t("imports.eachLine")}
            data={(["params", "tasks"] as const).map((value) => ({
              value,
              label: t(`imports.line.${value}`),
            }))}
            value={order.lines}
            onChange={(lines) => setOrder({ ...order, lines: (lines as Order["lines"]) ?? "params" })}
            allowDeselect={false}
          />
          <SimpleGrid cols={{ base: 1, xs: 3 }}>
            {word("name", t("tasks.name"))}
            {word("definition", t("tasks.definition"))}
            {word("recordIdField", t("imports.recordIdField"))}
          </SimpleGrid>
          {refusal && (
            <Text size="sm" c="var(--pen-red)" role="alert">
              {refusal}
            </Text>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t("action.cancel")}
            </Button>
            <Button
              type="submit"
              loading={busy}
              disabled={!queue || (from === "file" ? !file : !place.url.trim())}
            >
              {t("imports.begin")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
