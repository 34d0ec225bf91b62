/** One queue: its numbers, its dead letters, its settings, and what can be done to it as a whole. */
import { ActionIcon, Badge, Button, Group, Menu, Tabs } from "@mantine/core";
import {
  IconDots,
  IconListDetails,
  IconPlayerPause,
  IconPlayerPlay,
  IconTrash,
  IconTrashX,
} from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useAddress, useGo } from "@/app/go";
import { useQueue } from "@/areas/tasks/useTask";
import { useMe } from "@/auth/SessionProvider";
import { said, useAct } from "@/ui/act";
import { confirmed } from "@/ui/confirm";
import { Back, Head } from "@/ui/parts";
import { Read } from "@/ui/Read";
import { Loading } from "@/ui/states";
import { changesOf } from "@/ui/useDraft";
import { bodyOf, type Draft, draftOf } from "./draft";
import { Touched } from "./Touched";
import { partsOf, useQueues } from "./useQueues";

const Overview = lazy(async () => ({ default: (await import("./Overview")).Overview }));
const DeadLetters = lazy(async () => ({ default: (await import("./DeadLetters")).DeadLetters }));
const Editor = lazy(async () => ({ default: (await import("./Editor")).Editor }));

type Queue = Schemas["QueueView"];

export function QueueDetail() {
  const { queue: key = "" } = useParams({ strict: false }) as { queue?: string };
  const queue = useQueue(key);
  return (
    <Read query={queue} area="queues" name={key}>
      {(found) => <Page queue={found} key={key} />}
    </Read>
  );
}

function Page({ queue }: { queue: Queue }) {
  const { t } = useTranslation();
  const [address, say] = useAddress();
  const manages = queue.rights.includes("manage");
  const tabs = ["overview", "dead", ...(manages ? ["settings"] : [])];
  const tab = tabs.includes(address.tab ?? "") ? (address.tab as string) : "overview";
  return (
    <>
      <Head
        title={queue.displayName ?? queue.key}
        above={<Back path="queues">{t("queues.title")}</Back>}
        below={
          <Group gap="sm">
            <span>{queue.key}</span>
            {queue.paused && (
              <Badge tt="none" variant="outline" color="gray" c="var(--pen-amber)">
                {t("queues.paused")}
              </Badge>
            )}
          </Group>
        }
      >
        <Actions queue={queue} />
      </Head>
      <Tabs
        value={tab}
        onChange={(chosen) => say({ tab: chosen === "overview" ? undefined : (chosen ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {tabs.map((each) => (
            <Tabs.Tab key={each} value={each}>
              {t(`queues.tabs.${each}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Suspense fallback={<Loading />}>
          <Tabs.Panel value="overview">
            <Overview queue={queue} />
          </Tabs.Panel>
          <Tabs.Panel value="dead">
            <DeadLetters queue={queue} />
          </Tabs.Panel>
          {manages && (
            <Tabs.Panel value="settings">
              <Settings queue={queue} />
            </Tabs.Panel>
          )}
        </Suspense>
      </Tabs>
    </>
  );
}

function Settings({ queue }: { queue: Queue }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const queues = useQueues();
  async function save(draft: Draft, opened = queue) {
    const changed = await data(
      api.PATCH("/api/v1/queues/{namespace}/{name}", {
        params: { path: partsOf(queue.key), header: { "if-match": `"${opened.version}"` } },
        body: changesOf(bodyOf(draftOf(opened)), bodyOf(draft)),
      }),
    );
    cache.setQueryData([tenant, "queue", queue.key], changed);
    await cache.invalidateQueries({ queryKey: [tenant, "queues"] });
    said(t("queues.said.saved"));
    return changed;
  }
  return (
    <div style={{ maxWidth: 980 }}>
      <Editor queue={queue} queues={queues.data ?? []} save={save} />
    </div>
  );
}

function Actions({ queue }: { queue: Queue }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const go = useGo();
  const act = useAct();
  const at = { params: { path: partsOf(queue.key) } };
  const manages = queue.rights.includes("manage");

  async function done<T>(work: () => Promise<T>, said: string): Promise<T | undefined> {
    const answer = await act(work, said);
    await cache.invalidateQueries({ queryKey: [tenant, "queue", queue.key] });
    await cache.invalidateQueries({ queryKey: [tenant, "queues"] });
    return answer;
  }
  const pause = () =>
    queue.paused
      ? done(() => data(api.POST("/api/v1/queues/{namespace}/{name}/resume", at)), t("queues.said.resumed"))
      : done(() => data(api.POST("/api/v1/queues/{namespace}/{name}/pause", at)), t("queues.said.paused"));
  const purge = async () => {
    const body = <Touched queue={queue} what="purge" />;
    if (
      !(await confirmed({ title: t("queues.ask.purge"), body, yes: t("queues.do.purge"), typed: queue.key }))
    )
      return;
    await done(() => data(api.POST("/api/v1/queues/{namespace}/{name}/purge", at)), t("queues.said.purged"));
  };
  const remove = async () => {
    const body = <Touched queue={queue} what="delete" />;
    if (
      !(await confirmed({ title: t("queues.ask.delete"), body, yes: t("action.delete"), typed: queue.key }))
    )
      return;
    const gone = await act(
      () =>
        data(
          api.DELETE("/api/v1/queues/{namespace}/{name}", {
            params: { path: partsOf(queue.key), query: { force: true } },
          }),
        ),
      t("queues.said.deleted"),
    );
    if (!gone) return;
    await cache.invalidateQueries({ queryKey: [tenant, "queues"] });
    go("queues");
  };
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconListDetails size={16} aria-hidden />}
        onClick={() => go("tasks", { queue: queue.key })}
      >
        {t("queues.tasks")}
      </Button>
      {manages && (
        <Button
          variant="default"
          leftSection={
            queue.paused ? (
              <IconPlayerPlay size={16} aria-hidden />
            ) : (
              <IconPlayerPause size={16} aria-hidden />
            )
          }
          onClick={pause}
        >
          {t(queue.paused ? "queues.do.resume" : "queues.do.pause")}
        </Button>
      )}
      {manages && (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon variant="default" size={34} aria-label={t("action.others")}>
              <IconDots size={16} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<IconTrashX size={15} />} onClick={purge}>
              {t("queues.do.purge")}
            </Menu.Item>
            <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={remove}>
              {t("queues.do.delete")}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      )}
    </>
  );
}
