/** One schedule or trigger: when it starts what, its history, its settings, and what can be done to it; or a new one. */
import { Button, Group, SimpleGrid, Stack, Tabs, Text } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay, IconRun, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { ComponentType, ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useAddress, useGo } from "@/app/go";
import { useIsAdmin, useMe } from "@/auth/SessionProvider";
import { Back, Head, Json, Panel, StateMark } from "@/ui/parts";
import { Read } from "@/ui/Read";
import { Editor, type Fields } from "./Editor";
import { type Columns, History } from "./History";
import {
  type Entry,
  type Kind,
  nameOf,
  pathOf,
  type Starter,
  type StarterDraft,
  statusOf,
  useDoing,
} from "./kind";

/** What only one of the two has. */
export interface Parts<T extends Starter, E extends Entry, D extends StarterDraft> {
  kind: Kind<T, E, D>;
  fields: Fields<D>;
  columns: Columns<E>;
  /** When it starts something, in a line below its name. */
  words?: (thing: T) => string;
  /** The same in a panel, above what it starts. */
  When: ComponentType<{ thing: T }>;
  /** Runs it now, or opens the dialog that does. */
  useRun: (thing: T) => { run: () => void; dialog?: ReactNode };
}

interface Props<T extends Starter, E extends Entry, D extends StarterDraft> {
  parts: Parts<T, E, D>;
}

export function New<T extends Starter, E extends Entry, D extends StarterDraft>({ parts }: Props<T, E, D>) {
  const { kind, fields } = parts;
  const { t } = useTranslation();
  const go = useGo();
  return (
    <>
      <Head above={<Back path={kind.area}>{t(`${kind.area}.title`)}</Back>} title={t(`${kind.area}.new`)} />
      <Editor
        kind={kind}
        fields={fields}
        saved={({ id }) => go(pathOf(kind, id))}
        cancel={() => go(kind.area)}
      />
    </>
  );
}

export function Detail<T extends Starter, E extends Entry, D extends StarterDraft>({
  parts,
  id,
}: Props<T, E, D> & { id: string }) {
  const { kind } = parts;
  const { api, tenant } = useMe();
  const thing = useQuery({
    queryKey: [tenant, kind.area, "one", id],
    queryFn: () => kind.read(api, id),
    refetchInterval: 15_000,
  });
  return (
    <Read query={thing} area={kind.area} name={id}>
      {(found) => <Page parts={parts} thing={found} key={id} />}
    </Read>
  );
}

function Page<T extends Starter, E extends Entry, D extends StarterDraft>({
  parts,
  thing,
}: Props<T, E, D> & { thing: T }) {
  const { kind, fields, columns, words, When } = parts;
  const { t } = useTranslation();
  const isAdmin = useIsAdmin();
  const [address, say] = useAddress();
  const tab = isAdmin && address.tab === "settings" ? "settings" : "history";
  const toHistory = () => say({ tab: undefined });
  const starts = t(`${kind.area}.starts`);
  return (
    <>
      <Head
        above={<Back path={kind.area}>{t(`${kind.area}.title`)}</Back>}
        title={nameOf(thing)}
        below={
          <>
            <Group gap={14} mt={4}>
              <StateMark state={statusOf(thing)} />
              {words && <span>{words(thing)}</span>}
            </Group>
            {thing.description && (
              <Text size="sm" mt={4} maw={720} style={{ overflowWrap: "anywhere" }}>
                {thing.description}
              </Text>
            )}
          </>
        }
      >
        {isAdmin && <Actions parts={parts} thing={thing} />}
      </Head>
      <Tabs
        value={tab}
        onChange={(to) => (to === "settings" ? say({ tab: to }) : toHistory())}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="history">{t(`${kind.area}.history`)}</Tabs.Tab>
          {isAdmin && <Tabs.Tab value="settings">{t("queues.tabs.settings")}</Tabs.Tab>}
        </Tabs.List>
        <Tabs.Panel value="history">
          <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
            <Stack>
              <When thing={thing} />
              <Panel title={starts}>
                <Json value={thing.task ?? thing.flow} label={starts} />
              </Panel>
            </Stack>
            <History kind={kind} id={thing.id} columns={columns} />
          </SimpleGrid>
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <Editor kind={kind} fields={fields} thing={thing} saved={toHistory} cancel={toHistory} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Actions<T extends Starter, E extends Entry, D extends StarterDraft>({
  parts,
  thing,
}: Props<T, E, D> & { thing: T }) {
  const { t } = useTranslation();
  const { toggle, remove } = useDoing(parts.kind);
  const { run, dialog } = parts.useRun(thing);
  const Turn = thing.paused ? IconPlayerPlay : IconPlayerPause;
  return (
    <>
      <Button variant="default" leftSection={<IconRun size={16} aria-hidden />} onClick={run}>
        {t(`${parts.kind.area}.run`)}
      </Button>
      {statusOf(thing) !== "finished" && (
        <Button variant="default" leftSection={<Turn size={16} aria-hidden />} onClick={() => toggle(thing)}>
          {t(thing.paused ? "queues.do.resume" : "queues.do.pause")}
        </Button>
      )}
      <Button
        variant="default"
        leftSection={<IconTrash size={16} aria-hidden />}
        onClick={() => remove(thing)}
      >
        {t("action.delete")}
      </Button>
      {dialog}
    </>
  );
}
