/** Makes a schedule or a trigger, or changes it: its name, when it starts something, and what. */
import { Button, Group, SimpleGrid, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type ComponentType, type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useMe } from "@/auth/SessionProvider";
import { said, wordsOf } from "@/ui/act";
import { faultOfJson } from "@/ui/JsonEditor";
import { Panel } from "@/ui/parts";
import { useDraft } from "@/ui/useDraft";
import type { Kind, Starter, StarterDraft } from "./kind";
import { OrderFields } from "./OrderFields";
import { isComplete } from "./order";

export interface FieldsProps<D> {
  draft: D;
  set: (changes: Partial<D>) => void;
}

/** The fields that only one of the two has. */
export interface Fields<D> {
  When: ComponentType<FieldsProps<D>>;
  /** Below what it starts. */
  More?: ComponentType<FieldsProps<D>>;
  /** The key of what may stand in the data. */
  paramsHint?: string;
  isReady?: (draft: D) => boolean;
}

interface Props<T extends Starter, D extends StarterDraft> {
  // biome-ignore lint/suspicious/noExplicitAny: what its history holds does not matter here.
  kind: Kind<T, any, D>;
  fields: Fields<D>;
  /** Without one, a new one is made. */
  thing?: T;
  /** It is kept now. */
  saved: (thing: T) => void;
  cancel: () => void;
}

export function Editor<T extends Starter, D extends StarterDraft>(props: Props<T, D>) {
  const { kind, fields, thing, saved, cancel } = props;
  const { When, More, paramsHint, isReady } = fields;
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const { draft, set, opened } = useDraft(thing, kind.draftOf);
  const [refusal, setRefusal] = useState("");
  const [busy, setBusy] = useState(false);
  const changes = set as (changes: Partial<StarterDraft>) => void;

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setRefusal("");
    try {
      const kept = await (opened ? kind.change(api, opened, draft) : kind.create(api, draft));
      said(t("queues.said.saved"));
      await cache.invalidateQueries({ queryKey: [tenant, kind.area] });
      saved(kept);
    } catch (error) {
      setRefusal(wordsOf(error));
    } finally {
      setBusy(false);
    }
  }
  const ready =
    Boolean(draft.id.trim()) && isComplete(draft) && !faultOfJson(draft.params) && (isReady?.(draft) ?? true);
  return (
    <form onSubmit={submit}>
      <Stack>
        <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
          <Panel title={t(`${kind.area}.when`)}>
            <Stack gap="sm">
              {!thing && (
                <TextInput
                  label={t("automation.id")}
                  value={draft.id}
                  onChange={(event) => changes({ id: event.currentTarget.value })}
                  required
                />
              )}
              <TextInput
                label={t("queues.displayName")}
                value={draft.displayName}
                onChange={(event) => changes({ displayName: event.currentTarget.value })}
              />
              <Textarea
                label={t("queues.description")}
                value={draft.description}
                onChange={(event) => changes({ description: event.currentTarget.value })}
                autosize
                minRows={1}
              />
              <When draft={draft} set={set} />
            </Stack>
          </Panel>
          <Panel title={t(`${kind.area}.starts`)}>
            <Stack gap="sm">
              <OrderFields draft={draft} set={changes} paramsHint={paramsHint && t(paramsHint)} />
              {More && <More draft={draft} set={set} />}
            </Stack>
          </Panel>
        </SimpleGrid>
        {refusal && (
          <Text c="var(--pen-red)" size="sm" role="alert">
            {refusal}
          </Text>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={cancel}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={busy} disabled={!ready}>
            {t(thing ? "action.save" : `${kind.area}.create`)}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
