/** What narrows a worklist: tabs, search, filters, order and columns. */
import { ActionIcon, Button, Group, Pill, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconArrowsSort, IconColumns3, IconFilter, IconSearch } from "@tabler/icons-react";
import { type RefObject, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Later } from "@/ui/Later";
import type { Queue } from "./rights";
import { SHOWS, type View } from "./view";

export interface Props {
  view: View;
  change: (changes: Partial<View>) => void;
  queues: Queue[];
  searchBox: RefObject<HTMLInputElement | null>;
}

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
      <Later load={() => import("./Narrow")} given={{ view, change, queues }} opens="dialog">
        <Button
          size="xs"
          variant="default"
          leftSection={<IconFilter size={14} aria-hidden />}
          rightSection={narrowed > 0 ? <span className="numbers">{narrowed}</span> : undefined}
        >
          {t("tasks.filter")}
        </Button>
      </Later>
      <Later load={() => import("./OrderMenu")} given={{ view, change }}>
        <ActionIcon variant="default" size={30} aria-label={t("tasks.order")} title={t("tasks.order")}>
          <IconArrowsSort size={15} />
        </ActionIcon>
      </Later>
      <Later load={() => import("./ColumnsPanel")} given={{ view, change }} opens="dialog">
        <ActionIcon
          variant="default"
          size={30}
          aria-label={t("tasks.chooseColumns")}
          title={t("tasks.chooseColumns")}
          visibleFrom="sm"
        >
          <IconColumns3 size={15} />
        </ActionIcon>
      </Later>
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
