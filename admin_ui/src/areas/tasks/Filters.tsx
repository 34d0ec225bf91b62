/** What narrows a worklist: tabs, search, filters, order and columns. */
import {
  ActionIcon,
  Button,
  Checkbox,
  Group,
  Menu,
  Pill,
  Popover,
  Stack,
  TextInput,
  Tooltip,
  UnstyledButton,
} from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconArrowsSort, IconColumns3, IconFilter, IconSearch } from "@tabler/icons-react";
import { lazy, type RefObject, Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Loading } from "@/ui/states";
import type { Queue } from "./rights";
import { COLUMNS, type Column, SHOWS, SORTS, USUAL, type View } from "./view";

export interface Props {
  view: View;
  change: (changes: Partial<View>) => void;
  queues: Queue[];
  searchBox: RefObject<HTMLInputElement | null>;
}

const Narrow = lazy(async () => ({ default: (await import("./Narrow")).Narrow }));

export function Tabs({ view, change }: Pick<Props, "view" | "change">) {
  const { t } = useTranslation();
  return (
    <div className="tabs-row" role="toolbar" aria-label={t("tasks.tabs")}>
      {SHOWS.map((show) => (
        <UnstyledButton
          key={show}
          className="tab"
          aria-pressed={view.show === show}
          onClick={() => change({ show, sort: "" })}
        >
          {t(`tasks.shows.${show}`)}
        </UnstyledButton>
      ))}
    </div>
  );
}

export function Filters({ view, change, queues, searchBox }: Props) {
  const { t } = useTranslation();
  const [text, setText] = useState(view.text);
  const say = useDebouncedCallback((value: string) => change({ text: value.trim() }), 250);
  useEffect(() => setText(view.text), [view.text]);
  const narrowed =
    view.queues.length +
    view.priorities.length +
    Number(Boolean(view.label)) +
    Number(Boolean(view.definition));
  return (
    <Group gap="xs" wrap="nowrap" my="xs">
      <TextInput
        ref={searchBox}
        size="xs"
        flex="1 1 120px"
        maw={340}
        type="search"
        aria-label={t("tasks.search")}
        placeholder={t("tasks.search")}
        leftSection={<IconSearch size={14} aria-hidden />}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          say(event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
      <Popover position="bottom-start" trapFocus shadow="md" width={320}>
        <Popover.Target>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconFilter size={14} aria-hidden />}
            rightSection={narrowed > 0 ? <span className="numbers">{narrowed}</span> : undefined}
          >
            {t("tasks.filter")}
          </Button>
        </Popover.Target>
        <Popover.Dropdown aria-label={t("tasks.filter")}>
          <Suspense fallback={<Loading />}>
            <Narrow view={view} change={change} queues={queues} />
          </Suspense>
        </Popover.Dropdown>
      </Popover>
      <Order view={view} change={change} />
      <Columns view={view} change={change} />
      <Group gap={6} visibleFrom="lg" wrap="nowrap" style={{ overflow: "hidden" }}>
        {view.queues.map((queue) => (
          <Pill
            key={queue}
            withRemoveButton
            onRemove={() => change({ queues: view.queues.filter((each) => each !== queue) })}
            removeButtonProps={{ "aria-label": t("tasks.without", { name: queue }) }}
          >
            {queue}
          </Pill>
        ))}
      </Group>
    </Group>
  );
}

function Order({ view, change }: Pick<Props, "view" | "change">) {
  const { t } = useTranslation();
  const ended = view.show === "done" || view.show === "dead";
  const usual = ended ? "-endedAt" : "place";
  const sorts = SORTS.filter((sort) => ended || !sort.includes("endedAt"));
  return (
    <Menu position="bottom-start">
      <Menu.Target>
        <Tooltip label={t("tasks.order")}>
          <ActionIcon variant="default" size={30} aria-label={t("tasks.order")}>
            <IconArrowsSort size={15} />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("tasks.order")}</Menu.Label>
        {sorts.map((sort) => (
          <Menu.Item
            key={sort}
            fw={(view.sort || usual) === sort ? 600 : 400}
            onClick={() => change({ sort: sort === usual ? "" : sort })}
          >
            {t(`tasks.sorts.${sort}`)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function Columns({ view, change }: Pick<Props, "view" | "change">) {
  const { t } = useTranslation();
  const toggle = (column: Column, on: boolean) =>
    change({ columns: COLUMNS.filter((each) => (each === column ? on : view.columns.includes(each))) });
  return (
    <Popover position="bottom-start" trapFocus shadow="md">
      <Popover.Target>
        <Tooltip label={t("tasks.chooseColumns")}>
          <ActionIcon variant="default" size={30} aria-label={t("tasks.chooseColumns")} visibleFrom="sm">
            <IconColumns3 size={15} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("tasks.chooseColumns")}>
        <Stack gap="xs">
          {COLUMNS.map((column) => (
            <Checkbox
              key={column}
              size="xs"
              label={t(`tasks.columns.${column}`)}
              checked={view.columns.includes(column)}
              onChange={(event) => toggle(column, event.currentTarget.checked)}
            />
          ))}
          <Button size="xs" variant="subtle" onClick={() => change({ columns: USUAL })}>
            {t("tasks.usualColumns")}
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
