/** The worklist: what is to be done, by whom, in which order. */
import "./tasks.css";
import { Button, Group, Text, Title } from "@mantine/core";
import { IconPlayerPlay, IconPlus, IconRefresh } from "@tabler/icons-react";
import { lazy, Suspense, useCallback, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAddress, useGo } from "@/app/go";
import { useKeys } from "@/app/keyboard";
import { useQueues } from "@/areas/queues/useQueues";
import { useMe } from "@/auth/SessionProvider";
import { Empty, Failure } from "@/ui/states";
import { BulkBar } from "./BulkBar";
import type { Asking } from "./dialogs";
import { Filters, Tabs } from "./Filters";
import { rightsOf, type Task } from "./rights";
import { SavedViews } from "./SavedViews";
import { Table } from "./Table";
import { MOST_IDS, type Preview, type Status, useBulk } from "./useBulk";
import { type Order, useTaskActions } from "./useTaskActions";
import { useWorklist } from "./useWorklist";
import { isNarrowed, queryOf, searchOf, type View, viewOf } from "./view";

// Loaded when they are asked for: the list is there sooner.
const Dialogs = lazy(async () => ({ default: (await import("./dialogs")).Dialogs }));
const BulkDialog = lazy(async () => ({ default: (await import("./BulkDialog")).BulkDialog }));
const NewTask = lazy(async () => ({ default: (await import("./NewTask")).NewTask }));

/** The right that each question needs. */
const RIGHT = { assign: "assign", priority: "prioritize", due: "patch", cancel: "cancel" } as const;

/** The right at the queue that lets the server do it to many tasks. */
const AT_QUEUE = { assign: "assign", priority: "prioritize", cancel: "cancel" } as const;

const NO_TASKS: ReadonlySet<string> = new Set();

export function Tasks() {
  const { t } = useTranslation();
  const { me } = useMe();
  const go = useGo();
  const [address, say] = useAddress();
  const said = JSON.stringify(address);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the address's words, not its object.
  const view = useMemo(() => viewOf(address), [said]);
  const change = useCallback((changes: Partial<View>) => say(searchOf(changes)), [say]);
  const queues = useQueues();
  const list = useWorklist(view);
  const actions = useTaskActions();
  const bulk = useBulk();

  const [chosen, setChosen] = useState<ReadonlySet<string>>(NO_TASKS);
  const [cursor, setCursor] = useState(-1);
  const [asking, setAsking] = useState<Asking>(null);
  const [touching, setTouching] = useState<{ preview: Preview; begun?: Status } | null>(null);
  // What was asked for when "all that match" was chosen: another view means another choice.
  const [matching, setMatching] = useState("");
  const [making, setMaking] = useState(false);
  const [taking, setTaking] = useState(false);
  const searchBox = useRef<HTMLInputElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const anchor = useRef(-1);

  const indexOf = (id: string) => list.tasks.findIndex((task) => task.id === id);
  const choose = useCallback(
    (id: string, on: boolean, range: boolean) => {
      const at = list.tasks.findIndex((task) => task.id === id);
      const from = range && anchor.current >= 0 ? anchor.current : at;
      anchor.current = at;
      setMatching("");
      setChosen((before) => {
        const after = new Set(before);
        for (const task of list.tasks.slice(Math.min(from, at), Math.max(from, at) + 1)) {
          if (on) after.add(task.id);
          else after.delete(task.id);
        }
        return after;
      });
    },
    [list.tasks],
  );

  const all = matching === JSON.stringify(queryOf(view));
  const clear = () => {
    setChosen(NO_TASKS);
    setMatching("");
  };
  const ticked = useMemo(
    () => (all ? new Set(list.tasks.map(({ id }) => id)) : chosen),
    [all, list.tasks, chosen],
  );
  const picked = list.tasks.filter(({ id }) => ticked.has(id));
  const here = list.tasks[cursor];
  const subjects = picked.length > 0 ? picked : here ? [here] : [];
  const queueOf = (task: Task) => queues.data?.find(({ key }) => key === task.queue);
  const rights = subjects.map((task) => rightsOf(task, queueOf(task), me.subject));
  const meant = queues.data?.filter(({ key }) => view.queues.length === 0 || view.queues.includes(key)) ?? [];
  const mayAll = (right: string) => meant.some((queue) => queue.rights.includes(right));
  const may = {
    assign: all ? mayAll("assign") : rights.some((each) => each.assign || each.take),
    assignOthers: all ? mayAll("assign") : rights.some((each) => each.assign),
    prioritize: all ? mayAll("prioritize") : rights.some((each) => each.prioritize),
    cancel: all ? mayAll("cancel") : rights.some((each) => each.cancel),
    retry: !all && rights.some((each) => each.retry),
  };
  const asked = (right: "assign" | "prioritize" | "cancel" | "retry" | "patch") =>
    subjects.filter((_, at) => rights[at]?.[right] || (right === "assign" && rights[at]?.take));

  /** Do what was answered: to one task by a call of its own, to many at once after a look at what that touches. */
  async function answer(order: Order) {
    closeQuestion();
    const which = asked(RIGHT[order.action]);
    const together =
      order.action !== "due" &&
      (all ||
        (which.length > 1 &&
          which.length <= MOST_IDS &&
          which.every((task) => queueOf(task)?.rights.includes(AT_QUEUE[order.action]))));
    if (!together) return actions.each(which, order);
    const whom = all ? { matching: queryOf(view) } : { ids: which.map(({ id }) => id) };
    const preview = await bulk.preview(order, whom);
    if (!preview) return;
    if (all || preview.count !== which.length) return setTouching({ preview });
    const begun = await bulk.run(preview.token);
    if (begun?.state === "running") setTouching({ preview, begun });
    else if (begun) bulk.tell(begun);
  }
  function closeQuestion() {
    setAsking(null);
    if (indexOf(here?.id ?? "") >= 0) scroller.current?.focus();
  }

  async function takeNext() {
    setTaking(true);
    const { queue, priority, definition, label, text } = queryOf(view);
    const id = await actions.next({ queue, priority, definition, label, text });
    setTaking(false);
    if (id) go(`tasks/${id}`, searchOf(view));
  }

  const works = queues.data?.some(({ rights: has }) => has.includes("work")) ?? false;
  const submits = queues.data?.some(({ rights: has }) => has.includes("submit")) ?? false;
  const move = (by: number) => setCursor(Math.max(0, Math.min(list.tasks.length - 1, cursor + by)));
  useKeys({
    "/": () => searchBox.current?.focus(),
    j: () => move(1),
    k: () => move(-1),
    x: () => here && choose(here.id, !chosen.has(here.id), false),
    n: works ? takeNext : undefined,
    a: may.assign ? () => setAsking("assign") : undefined,
    p: may.prioritize ? () => setAsking("priority") : undefined,
    c: submits ? () => setMaking(true) : undefined,
    Escape: chosen.size > 0 ? clear : undefined,
  });

  return (
    <div className="worklist">
      <Group justify="space-between" mb="xs" wrap="nowrap">
        <Group gap="xs">
          <Title order={1}>{t("tasks.title")}</Title>
          <span
            className="live-dot"
            data-live={list.live || undefined}
            role="img"
            aria-label={t(list.live ? "tasks.live" : "tasks.notLive")}
            title={t(list.live ? "tasks.live" : "tasks.notLive")}
          />
        </Group>
        <Group gap="xs" wrap="nowrap">
          {submits && (
            <Button
              size="xs"
              variant="default"
              leftSection={<IconPlus size={14} aria-hidden />}
              onClick={() => setMaking(true)}
            >
              {t("tasks.new")}
            </Button>
          )}
          {works && (
            <Button
              size="xs"
              leftSection={<IconPlayerPlay size={14} aria-hidden />}
              onClick={takeNext}
              loading={taking}
            >
              {t("tasks.next")}
            </Button>
          )}
        </Group>
      </Group>
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Tabs view={view} change={change} />
        <SavedViews view={view} change={change} />
      </Group>
      <Filters view={view} change={change} queues={queues.data ?? []} searchBox={searchBox} />
      {list.error ? (
        <Failure error={list.error} retry={list.retry} />
      ) : !list.loading && list.tasks.length === 0 ? (
        <div className="panel" style={{ flex: 1 }}>
          <Empty
            title={t(`tasks.empty.${view.show}`)}
            hint={t(isNarrowed(view) ? "tasks.emptyNarrowed" : "tasks.emptyHint")}
          />
        </div>
      ) : (
        <div style={{ position: "relative", flex: 1, minHeight: 0, display: "flex" }}>
          {list.fresh > 0 && (
            <Button
              className="fresh-pill"
              size="compact-sm"
              radius="xl"
              leftSection={<IconRefresh size={13} aria-hidden />}
              onClick={() => {
                list.refresh();
                scroller.current?.scrollTo({ top: 0 });
              }}
            >
              {t("tasks.fresh", { count: list.fresh })}
            </Button>
          )}
          <Table
            tasks={list.tasks}
            columns={view.columns}
            loading={list.loading}
            hasMore={list.hasMore}
            more={list.more}
            gone={list.gone}
            chosen={ticked}
            choose={choose}
            chooseAll={(on) => (on ? setChosen(new Set(list.tasks.map(({ id }) => id))) : clear())}
            cursor={cursor}
            reached={setCursor}
            search={searchOf(view)}
            scroller={scroller}
          />
        </div>
      )}
      <Text size="xs" c="dimmed" mt={6} className="numbers" role="status">
        {list.loading
          ? " "
          : t(list.hasMore ? "tasks.countMore" : "tasks.count", { count: list.tasks.length })}
      </Text>
      {picked.length > 0 && (
        <BulkBar
          count={picked.length}
          all={all}
          chooseAll={
            list.hasMore &&
            picked.length === list.tasks.length &&
            view.show !== "done" &&
            view.show !== "dead"
              ? () => setMatching(JSON.stringify(queryOf(view)))
              : undefined
          }
          may={may}
          ask={setAsking}
          retry={() => actions.retry(asked("retry")).then(clear)}
          clear={clear}
        />
      )}
      <Suspense>
        {asking && (
          <Dialogs
            asking={asking}
            tasks={asked(RIGHT[asking])}
            all={all}
            answer={answer}
            assigns={may.assignOthers}
            close={closeQuestion}
          />
        )}
        {touching && (
          <BulkDialog
            {...touching}
            close={(done) => {
              setTouching(null);
              if (!done) return;
              if (all) list.refresh();
              clear();
            }}
          />
        )}
        {making && (
          <NewTask
            opened={making}
            close={() => setMaking(false)}
            queues={queues.data ?? []}
            first={view.queues[0]}
          />
        )}
      </Suspense>
    </div>
  );
}

export type { Task };
