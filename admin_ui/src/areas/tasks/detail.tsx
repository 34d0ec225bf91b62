/** One task: what it is about, the form to do it, who has it, what happened to it. */
import "./tasks.css";
import { ActionIcon, Button, Group, Menu, Stack, Text } from "@mantine/core";
import {
  IconBan,
  IconCalendarDue,
  IconDots,
  IconFlag,
  IconPlayerPlay,
  IconRotate,
  IconTrash,
  IconUserPlus,
} from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAddress, useGo } from "@/app/go";
import { useKeys } from "@/app/keyboard";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { confirmed } from "@/ui/confirm";
import { moment } from "@/ui/format";
import { Ago, Back, Due, Fact, Head, Json, Panel, Person, PriorityMark, StateMark } from "@/ui/parts";
import { Read } from "@/ui/Read";
import { Attachments } from "./Attachments";
import { Comments } from "./Comments";
import type { Asking } from "./dialogs";
import { History } from "./History";
import { type Rights, rightsOf, type Task } from "./rights";
import { Shown } from "./Shown";
import { stateOf, titleOf } from "./Table";
import { useDefinition, useHeartbeat, useQueue, useTask } from "./useTask";
import { useTaskActions } from "./useTaskActions";
import { searchOf, viewOf } from "./view";
import { Work } from "./Work";

const Dialogs = lazy(async () => ({ default: (await import("./dialogs")).Dialogs }));

export function Detail() {
  const { task: id = "" } = useParams({ strict: false }) as { task?: string };
  const task = useTask(id);
  return (
    <Read query={task} area="tasks" name={id}>
      {(found) => <Page task={found} key={id} />}
    </Read>
  );
}

function Page({ task }: { task: Task }) {
  const { t } = useTranslation();
  const { me, tenant, api } = useMe();
  const go = useGo();
  const cache = useQueryClient();
  const act = useAct();
  const actions = useTaskActions();
  const [address] = useAddress();
  const back = searchOf(viewOf(address));
  const queue = useQueue(task.queue);
  const definition = useDefinition(task.definition);
  const rights = rightsOf(task, queue.data, me.subject);
  const [asking, setAsking] = useState<Asking>(null);
  useHeartbeat(task);
  const look = () => cache.invalidateQueries({ queryKey: [tenant, "task", task.id] });

  const begin = async () => {
    if (await actions.begin(task)) await look();
  };
  const remove = async () => {
    const title = t("tasks.ask.remove");
    if (!(await confirmed({ title, body: t("tasks.removeHint"), yes: t("action.delete") }))) return;
    const done = await act(async () => {
      await api.DELETE("/api/v1/tasks/{task_id}", { params: { path: { task_id: task.id } } });
      return true;
    }, t("tasks.said.removed"));
    if (done) go("tasks", back);
  };
  useKeys({
    a: rights.assign || rights.take ? () => setAsking("assign") : undefined,
    p: rights.prioritize ? () => setAsking("priority") : undefined,
    s: rights.start ? begin : undefined,
    Escape: () => go("tasks", back),
  });

  return (
    <>
      <Head
        above={
          <Back path="tasks" search={back}>
            {t("tasks.title")}
          </Back>
        }
        title={titleOf(task)}
        below={
          <Group gap="md" mt={4}>
            <StateMark state={stateOf(task)} />
            <PriorityMark priority={task.priority} word />
            <span>{queue.data?.displayName ?? task.queue}</span>
            {task.cancelRequested && task.state !== "done" && (
              <Text size="sm" c="var(--pen-amber)">
                {t("tasks.cancelAsked")}
              </Text>
            )}
          </Group>
        }
      >
        <Buttons
          rights={rights}
          ask={setAsking}
          begin={begin}
          retry={() => actions.retry([task]).then(look)}
          remove={remove}
        />
      </Head>
      <div className="detail-grid">
        <Stack gap="md" miw={0}>
          {task.description && <Text style={{ whiteSpace: "pre-wrap" }}>{task.description}</Text>}
          {rights.finish && (
            <Work task={task} schema={definition.data?.resultSchema} ended={() => undefined} />
          )}
          {task.result !== undefined && (
            <Shown title={t("tasks.result")} value={task.result} schema={definition.data?.resultSchema} />
          )}
          {task.error !== undefined && <Shown title={t("tasks.error")} value={task.error} />}
          {task.params !== undefined && (
            <Shown
              title={t("tasks.params")}
              value={task.params}
              schema={definition.data?.paramsSchema ?? queue.data?.paramsSchema}
            />
          )}
          <Attachments task={task} may={rights.patch} changed={look} />
          <Comments task={task.id} />
          <Panel title={t("tasks.history")}>
            <History id={task.id} />
          </Panel>
        </Stack>
        <Facts task={task} />
      </div>
      <Suspense>
        {asking && (
          <Dialogs
            asking={asking}
            tasks={[task]}
            answer={(order) => {
              setAsking(null);
              actions.each([task], order).then(look);
            }}
            assigns={rights.assign}
            close={() => setAsking(null)}
          />
        )}
      </Suspense>
    </>
  );
}

interface ButtonsProps {
  rights: Rights;
  ask: (asking: Asking) => void;
  begin: () => void;
  retry: () => void;
  remove: () => void;
}

function Buttons({ rights, ask, begin, retry, remove }: ButtonsProps) {
  const { t } = useTranslation();
  const more = rights.cancel || rights.remove || rights.prioritize || rights.patch;
  return (
    <>
      {(rights.assign || rights.take) && (
        <Button
          variant="default"
          leftSection={<IconUserPlus size={16} aria-hidden />}
          onClick={() => ask("assign")}
        >
          {t("tasks.do.assign")}
        </Button>
      )}
      {rights.retry && (
        <Button leftSection={<IconRotate size={16} aria-hidden />} onClick={retry}>
          {t("tasks.do.retry")}
        </Button>
      )}
      {rights.start && (
        <Button leftSection={<IconPlayerPlay size={16} aria-hidden />} onClick={begin}>
          {t("tasks.do.start")}
        </Button>
      )}
      {more && (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon variant="default" size={34} aria-label={t("action.others")}>
              <IconDots size={16} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {rights.prioritize && (
              <Menu.Item leftSection={<IconFlag size={15} />} onClick={() => ask("priority")}>
                {t("tasks.ask.priority", { count: 1 })}
              </Menu.Item>
            )}
            {rights.patch && (
              <Menu.Item leftSection={<IconCalendarDue size={15} />} onClick={() => ask("due")}>
                {t("tasks.ask.due", { count: 1 })}
              </Menu.Item>
            )}
            {rights.cancel && (
              <Menu.Item leftSection={<IconBan size={15} />} onClick={() => ask("cancel")}>
                {t("tasks.ask.cancel", { count: 1 })}
              </Menu.Item>
            )}
            {rights.remove && (
              <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={remove}>
                {t("action.delete")}
              </Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
      )}
    </>
  );
}

function Facts({ task }: { task: Task }) {
  const { t } = useTranslation();
  const who = task.assignment?.to;
  const { maxAttempts } = task.limits.retry;
  return (
    <Panel>
      <Stack gap="sm">
        <Fact name={t("tasks.assignee")}>{who ? <Person who={who} /> : t("tasks.nobody")}</Fact>
        {task.holder && task.state !== "done" && (
          <Fact name={t("tasks.holder")}>
            <Person who={task.holder} />
            {task.worker && <Text size="xs">{task.worker}</Text>}
          </Fact>
        )}
        <Fact name={t("tasks.created")}>
          <Ago at={task.createdAt} /> · {task.createdBy.name}
        </Fact>
        {task.startedAt && (
          <Fact name={t("tasks.started")}>
            <Ago at={task.startedAt} />
          </Fact>
        )}
        {task.endedAt && (
          <Fact name={t("tasks.ended")}>
            <Ago at={task.endedAt} />
          </Fact>
        )}
        {task.reason && <Fact name={t("tasks.reason")}>{task.reason.message ?? task.reason.type}</Fact>}
        {task.executeAt && task.state === "waiting" && (
          <Fact name={t("tasks.executeAt")}>{moment(task.executeAt)}</Fact>
        )}
        {task.dueDate && (
          <Fact name={t("tasks.due")}>
            <Due at={task.dueDate} done={task.state === "done"} />
          </Fact>
        )}
        {task.followUpDate && <Fact name={t("tasks.followUp")}>{moment(task.followUpDate)}</Fact>}
        {task.expireAt && <Fact name={t("tasks.expireAt")}>{moment(task.expireAt)}</Fact>}
        {task.progress && (
          <Fact name={t("tasks.progress")}>
            {[task.progress.current, task.progress.total].filter((each) => each != null).join(" / ")}{" "}
            {task.progress.unit} {task.progress.message}
          </Fact>
        )}
        <Fact name={t("tasks.attempts")}>
          {task.attempt} / {maxAttempts}
        </Fact>
        {task.recordId && <Fact name={t("tasks.columns.record")}>{task.recordId}</Fact>}
        {task.definition && <Fact name={t("tasks.definition")}>{task.definition}</Fact>}
        {task.schedule && <Fact name={t("tasks.schedule")}>{task.schedule.id}</Fact>}
        {task.labels.length > 0 && (
          <Fact name={t("tasks.columns.labels")}>
            <Group gap={4} mt={2}>
              {task.labels.map((label) => (
                <span className="chip" key={label}>
                  {label}
                </span>
              ))}
            </Group>
          </Fact>
        )}
        <Fact name={t("tasks.id")}>
          <Text size="xs" ff="monospace" style={{ overflowWrap: "anywhere" }}>
            {task.id}
          </Text>
        </Fact>
        {Object.keys(task.context).length > 0 && (
          <Fact name={t("tasks.context")}>
            <Json value={task.context} label={t("tasks.context")} />
          </Fact>
        )}
      </Stack>
    </Panel>
  );
}
