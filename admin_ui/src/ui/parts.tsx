/** Small parts that all areas show: states, priorities, people, times, JSON, the head of a view. */
import { ActionIcon, Avatar, Box, CopyButton, Group, Text, Title } from "@mantine/core";
import { IconCheck, IconChevronLeft, IconCopy } from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Search, To } from "@/app/go";
import { ago, initials, moment } from "./format";

/** Leads back to the list that one came from. */
export function Back({ path, search, children }: { path: string; search?: Search; children: ReactNode }) {
  return (
    <To path={path} search={search} className="row-link">
      <Group gap={2} component="span" wrap="nowrap">
        <IconChevronLeft size={15} aria-hidden />
        {children}
      </Group>
    </To>
  );
}

/** The title of a view, with what leads back to it and what can be done there. */
export function Head({
  title,
  above,
  below,
  children,
}: {
  title: ReactNode;
  above?: ReactNode;
  below?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <Group justify="space-between" align="flex-end" mb="md" gap="sm">
      <Box miw={0} style={{ flex: "1 1 260px" }}>
        {above && (
          <Text size="sm" c="dimmed" component="div">
            {above}
          </Text>
        )}
        <Title order={1} style={{ overflowWrap: "anywhere" }}>
          {title}
        </Title>
        {below && (
          <Text size="sm" c="dimmed" component="div">
            {below}
          </Text>
        )}
      </Box>
      {children && <Group gap="xs">{children}</Group>}
    </Group>
  );
}

const TONES: Record<string, string> = {
  waiting: "grey",
  ready: "blue",
  requested: "violet",
  "in-progress": "amber",
  running: "amber",
  created: "grey",
  succeeded: "green",
  submitted: "green",
  delivered: "green",
  active: "green",
  failed: "red",
  missed: "amber",
  refused: "red",
  disabled: "red",
  canceled: "grey",
  skipped: "grey",
  finished: "grey",
  expired: "amber",
  paused: "amber",
  suspended: "red",
  pending: "blue",
  done: "green",
  undone: "grey",
};
const HOLLOW = new Set(["waiting", "ready", "created", "canceled", "skipped", "pending"]);

export function toneOf(state: string): string {
  return `var(--pen-${TONES[state] ?? "grey"})`;
}

/** A state as a dot and a word; `states.*` are the words. */
export function StateMark({ state }: { state: string }) {
  const { t } = useTranslation();
  return (
    <span
      className="state"
      data-hollow={HOLLOW.has(state) || undefined}
      style={{ "--tone": toneOf(state) } as React.CSSProperties}
    >
      {t(`states.${state}`, { defaultValue: state })}
    </span>
  );
}

const BARS: Record<string, number> = { low: 1, normal: 2, high: 3 };

/** A priority as an icon of bars; urgent stands out. */
export function PriorityMark({ priority, word = false }: { priority: string; word?: boolean }) {
  const { t } = useTranslation();
  const label = t(`priorities.${priority}`);
  const bars = BARS[priority];
  return (
    <Group gap={6} wrap="nowrap" component="span">
      <svg
        width="14"
        height="14"
        viewBox="0 0 14 14"
        role={word ? undefined : "img"}
        aria-label={word ? undefined : label}
        aria-hidden={word || undefined}
      >
        {!word && <title>{label}</title>}
        {bars ? (
          [0, 1, 2].map((bar) => (
            <rect
              key={bar}
              x={1 + bar * 4.5}
              y={9 - bar * 3.5}
              width={3}
              height={4 + bar * 3.5}
              rx={1}
              fill={bar < bars ? "var(--pen-grey)" : "var(--mantine-color-default-border)"}
            />
          ))
        ) : (
          <>
            <rect x="0.5" y="0.5" width="13" height="13" rx="3" fill="var(--pen-red)" />
            <path d="M7 3.4v4.4M7 10v.6" stroke="var(--pen-raised)" strokeWidth="1.8" strokeLinecap="round" />
          </>
        )}
      </svg>
      {word && <span>{label}</span>}
    </Group>
  );
}

interface Somebody {
  id?: string;
  name?: string;
}

/** Somebody as letters in a circle, with the name beside it where there is room. */
export function Person({ who, short = false }: { who: Somebody; short?: boolean }) {
  const name = who.name ?? who.id ?? "?";
  const face = (
    <Avatar
      size={20}
      radius="xl"
      color="tide"
      variant="filled"
      aria-hidden
      styles={{ placeholder: { fontSize: 9 } }}
    >
      {initials(name)}
    </Avatar>
  );
  if (short) {
    return (
      <Box component="span" role="img" aria-label={name} title={name} style={{ display: "inline-flex" }}>
        {face}
      </Box>
    );
  }
  return (
    <Group gap={6} wrap="nowrap" miw={0} component="span">
      {face}
      <Text size="sm" truncate component="span">
        {name}
      </Text>
    </Group>
  );
}

const listeners = new Set<(now: number) => void>();
let ticking: ReturnType<typeof setInterval> | undefined;

/** The present, told to all who show ages, twice a minute, by one timer. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    listeners.add(setNow);
    ticking ??= setInterval(() => {
      for (const tell of listeners) tell(Date.now());
    }, 30_000);
    return () => {
      listeners.delete(setNow);
      if (listeners.size === 0) {
        clearInterval(ticking);
        ticking = undefined;
      }
    };
  }, []);
  return now;
}

/** How long ago; the moment itself when one points at it. */
export function Ago({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={moment(at)} className="numbers" style={{ whiteSpace: "nowrap" }}>
      {ago(at, now)}
    </time>
  );
}

/** When something should be done; red when that time is over. */
export function Due({ at, done = false }: { at: string; done?: boolean }) {
  const now = useNow();
  const late = !done && Date.parse(at) < now;
  return (
    <Text size="sm" component="span" c={late ? "var(--pen-red)" : undefined} fw={late ? 600 : undefined}>
      <Ago at={at} />
    </Text>
  );
}

/** JSON as text, to be copied. */
export function Json({ value, label }: { value: unknown; label: string }) {
  const { t } = useTranslation();
  const text = JSON.stringify(value, null, 2) ?? "";
  return (
    <Box pos="relative">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <pre className="json" tabIndex={0} aria-label={label} role="region">
        {text}
      </pre>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <ActionIcon
            variant="default"
            size="sm"
            pos="absolute"
            top={6}
            right={6}
            onClick={copy}
            aria-label={t("action.copy")}
          >
            {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          </ActionIcon>
        )}
      </CopyButton>
    </Box>
  );
}

/** A name and its value, below each other. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Box>
      <Text size="xs" c="dimmed" mb={2}>
        {name}
      </Text>
      <Text size="sm" component="div" style={{ overflowWrap: "anywhere" }}>
        {children}
      </Text>
    </Box>
  );
}

/** A panel with a heading. */
export function Panel({
  title,
  actions,
  children,
  pad = true,
}: {
  title?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  pad?: boolean;
}) {
  return (
    <Box className="panel" component="section">
      {title && (
        <Group
          justify="space-between"
          px="md"
          py={10}
          style={{ borderBottom: "1px solid var(--pen-line)" }}
          wrap="nowrap"
        >
          <Title order={2} size="sm">
            {title}
          </Title>
          {actions}
        </Group>
      )}
      <Box p={pad ? "md" : 0}>{children}</Box>
    </Box>
  );
}
