/** What happened to a task, the newest first. */
import { Box, Button, Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Ago, toneOf } from "@/ui/parts";
import { Failure, Loading } from "@/ui/states";
import { type Event, givenTo } from "./given";
import { useHistory } from "./useTask";

export function History({ id }: { id: string }) {
  const { t } = useTranslation();
  const history = useHistory(id);
  if (history.error) return <Failure error={history.error} retry={() => history.refetch()} />;
  if (!history.data) return <Loading />;
  const events = history.data.pages.flatMap((page) => page.items).reverse();
  return (
    <>
      {history.hasNextPage && (
        <Button size="xs" variant="subtle" onClick={() => history.fetchNextPage()}>
          {t("action.more")}
        </Button>
      )}
      <Box component="ol" m={0} p={0} style={{ listStyle: "none" }} aria-label={t("tasks.history")}>
        {events.map((event) => (
          <Entry key={event.id} event={event} />
        ))}
      </Box>
    </>
  );
}

function Entry({ event }: { event: Event }) {
  const { t } = useTranslation();
  const state = event.state === "done" ? (event.outcome ?? "done") : event.state;
  return (
    <li className="history-item" style={{ "--tone": toneOf(state) } as React.CSSProperties}>
      <Group gap={6} justify="space-between" wrap="nowrap" align="baseline">
        <Text size="sm">
          <Text span fw={500} size="sm">
            {t(`events.${event.type}`, { defaultValue: event.type })}
          </Text>
          {event.type === "assigned" && ` → ${givenTo(event) ?? t("tasks.nobody")}`}
          {event.type === "priority-set" && ` → ${t(`priorities.${event.priority}`)}`}
          <Text span size="sm" c="dimmed">
            {" · "}
            {event.by.name}
          </Text>
        </Text>
        <Text size="xs" c="dimmed" component="div">
          <Ago at={event.at} />
        </Text>
      </Group>
      {event.reason?.message && (
        <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          {event.reason.message}
        </Text>
      )}
    </li>
  );
}
