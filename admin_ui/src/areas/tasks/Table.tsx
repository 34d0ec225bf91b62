/** The rows of a worklist: only those on the screen are in the page, however many there are. */
import { Checkbox, Group, Skeleton, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type RefObject, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { To } from "@/app/go";
import { Ago, Due, Person, PriorityMark, StateMark } from "@/ui/parts";
import type { Task } from "./rights";
import type { Column } from "./view";

const WIDTHS: Record<Column, string> = {
  state: "118px",
  queue: "minmax(100px, 0.7fr)",
  labels: "minmax(80px, 0.8fr)",
  record: "130px",
  assignee: "minmax(110px, 150px)",
  due: "104px",
  age: "104px",
  updated: "104px",
};
const ROW = 42;
const TALL_ROW = 66;
const AHEAD = 20;

export const stateOf = (task: Task): string =>
  task.state === "done" ? (task.outcome ?? "done") : task.state;

export function titleOf(task: Task): string {
  return task.name || task.recordId || task.definition || task.id;
}

interface Props {
  tasks: Task[];
  columns: Column[];
  loading: boolean;
  hasMore: boolean;
  more: () => void;
  gone: ReadonlySet<string>;
  chosen: ReadonlySet<string>;
  choose: (id: string, on: boolean, range: boolean) => void;
  chooseAll: (on: boolean) => void;
  /** The row that the keyboard is at; -1 while it is nowhere. */
  cursor: number;
  /** Told when another row gets the focus. */
  reached: (row: number) => void;
  search: Record<string, string | undefined>;
  scroller: RefObject<HTMLDivElement | null>;
}

export function Table({ tasks, columns, loading, hasMore, more, cursor, scroller, ...rest }: Props) {
  const { t } = useTranslation();
  const small = useMediaQuery("(max-width: 47.99em)", undefined, { getInitialValueInEffect: false }) ?? false;
  const height = small ? TALL_ROW : ROW;
  const rows = useVirtualizer({
    count: tasks.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 12,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the rows' height is another on a phone.
  useEffect(() => rows.measure(), [height]);

  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= tasks.length - AHEAD) more();
  }, [hasMore, last, tasks.length, more]);

  useEffect(() => {
    const at = document.activeElement?.closest("[data-row]")?.getAttribute("data-row");
    if (cursor < 0 || at === String(cursor)) return;
    rows.scrollToIndex(cursor, { align: "auto" });
    requestAnimationFrame(() =>
      scroller.current
        ?.querySelector<HTMLElement>(`[data-row="${cursor}"] a`)
        ?.focus({ preventScroll: true }),
    );
  }, [cursor, rows, scroller]);

  const template = `22px 18px minmax(200px, 2.4fr) ${columns.map((column) => WIDTHS[column]).join(" ")}`;
  const allChosen = tasks.length > 0 && rest.chosen.size >= tasks.length;
  return (
    <div
      className="worklist-table panel"
      ref={scroller}
      role="table"
      aria-label={t("tasks.title")}
      aria-rowcount={hasMore ? -1 : tasks.length + 1}
      aria-busy={loading}
      onFocus={(event) => {
        const at = (event.target as HTMLElement).closest("[data-row]")?.getAttribute("data-row");
        if (at) rest.reached(Number(at));
      }}
    >
      <div className="worklist-head" role="row" style={{ gridTemplateColumns: template }}>
        <span role="columnheader">
          <Checkbox
            size="xs"
            aria-label={t("tasks.chooseAll")}
            checked={allChosen}
            indeterminate={!allChosen && rest.chosen.size > 0}
            onChange={(event) => rest.chooseAll(event.currentTarget.checked)}
          />
        </span>
        <span role="columnheader" aria-label={t("tasks.priority")} />
        <span role="columnheader">{t("tasks.task")}</span>
        {columns.map((column) => (
          <span role="columnheader" key={column}>
            {t(`tasks.columns.${column}`)}
          </span>
        ))}
      </div>
      {loading ? (
        <Waiting height={height} />
      ) : (
        <div role="rowgroup" style={{ height: rows.getTotalSize(), position: "relative" }}>
          {items.map((item) => {
            const task = tasks[item.index] as Task;
            return (
              <Row
                key={task.id}
                task={task}
                index={item.index}
                top={item.start}
                height={height}
                template={template}
                columns={columns}
                small={small}
                search={rest.search}
                choose={rest.choose}
                isChosen={rest.chosen.has(task.id)}
                isGone={rest.gone.has(task.id)}
              />
            );
          })}
        </div>
      )}
    </div>
  );
}

function Waiting({ height }: { height: number }) {
  return (
    <div aria-hidden>
      {Array.from({ length: 12 }, (_, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike.
        <Group key={at} h={height} px={14} gap="md" wrap="nowrap">
          <Skeleton height={12} width={16} />
          <Skeleton height={12} width={`${30 + ((at * 13) % 30)}%`} />
          <Skeleton height={12} width={80} ml="auto" visibleFrom="sm" />
        </Group>
      ))}
    </div>
  );
}

interface RowProps {
  task: Task;
  index: number;
  top: number;
  height: number;
  template: string;
  columns: Column[];
  small: boolean;
  search: Record<string, string | undefined>;
  choose: Props["choose"];
  isChosen: boolean;
  isGone: boolean;
}

const Row = memo(function Row({ task, index, top, height, template, columns, small, ...rest }: RowProps) {
  const { t } = useTranslation();
  const title = titleOf(task);
  const box = (
    <span role="cell">
      <Checkbox
        size="xs"
        aria-label={t("tasks.choose", { name: title })}
        checked={rest.isChosen}
        onChange={(event) =>
          rest.choose(task.id, event.currentTarget.checked, (event.nativeEvent as MouseEvent).shiftKey)
        }
      />
    </span>
  );
  const link = (
    <To path={`tasks/${task.id}`} search={rest.search} className="row-link">
      {title}
    </To>
  );
  const shared = {
    className: "worklist-row",
    role: "row",
    "aria-rowindex": index + 2,
    "aria-selected": rest.isChosen,
    "data-row": index,
    "data-gone": rest.isGone || undefined,
  };
  if (small) {
    return (
      <div {...shared} style={{ height, transform: `translateY(${top}px)` }}>
        {box}
        <div role="cell">
          <div className="worklist-name">{link}</div>
          <Group gap={10} wrap="nowrap" mt={4}>
            <PriorityMark priority={task.priority} />
            <StateMark state={stateOf(task)} />
            <Text size="xs" c="dimmed" truncate>
              {task.queue}
            </Text>
          </Group>
        </div>
        <div role="cell" style={{ textAlign: "right" }}>
          <Text size="xs" c="dimmed" component="div">
            <Ago at={task.createdAt} />
          </Text>
          {task.assignment?.to && <Person who={task.assignment.to} short />}
        </div>
      </div>
    );
  }
  return (
    <div {...shared} style={{ height, gridTemplateColumns: template, transform: `translateY(${top}px)` }}>
      {box}
      <span role="cell">
        <PriorityMark priority={task.priority} />
      </span>
      <div role="cell" className="worklist-name">
        {link}
        {task.description && task.description !== title && <span>{task.description}</span>}
      </div>
      {columns.map((column) => (
        <div role="cell" key={column}>
          <Cell task={task} column={column} />
        </div>
      ))}
    </div>
  );
});

function Cell({ task, column }: { task: Task; column: Column }) {
  const { t } = useTranslation();
  switch (column) {
    case "state":
      return <StateMark state={stateOf(task)} />;
    case "queue":
      return (
        <Text size="sm" c="dimmed" truncate>
          {task.queue}
        </Text>
      );
    case "labels":
      return (
        <Group gap={4} wrap="nowrap" style={{ overflow: "hidden" }}>
          {task.labels.slice(0, 2).map((label) => (
            <span className="chip" key={label}>
              {label}
            </span>
          ))}
        </Group>
      );
    case "record":
      return (
        <Text size="sm" truncate>
          {task.recordId}
        </Text>
      );
    case "assignee": {
      const who = task.assignment?.to ?? task.holder;
      return who ? (
        <Person who={who} />
      ) : (
        <Text size="sm" c="dimmed">
          {t("tasks.nobody")}
        </Text>
      );
    }
    case "due":
      return task.dueDate ? <Due at={task.dueDate} done={task.state === "done"} /> : null;
    case "age":
      return (
        <Text size="sm" c="dimmed" component="div">
          <Ago at={task.createdAt} />
        </Text>
      );
    case "updated":
      return (
        <Text size="sm" c="dimmed" component="div">
          <Ago at={task.updatedAt} />
        </Text>
      );
  }
}
