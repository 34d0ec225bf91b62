/** Triggers: which reported records start a task or a flow, and what became of the last one. */
import { Button, Stack } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { To, useGo } from "@/app/go";
import { useIsAdmin, useMe } from "@/auth/SessionProvider";
import { Listing } from "@/ui/Listing";
import { Ago, Head, StateMark } from "@/ui/parts";
import { wordsOf } from "./draft";

export type Trigger = Schemas["TriggerView"];

export function Triggers() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const go = useGo();
  const isAdmin = useIsAdmin();
  const triggers = useInfiniteQuery({
    queryKey: [tenant, "triggers"],
    queryFn: ({ pageParam }) =>
      data(api.GET("/api/v1/triggers", { params: { query: { after: pageParam, limit: 100 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: 15_000,
  });
  return (
    <>
      <Head title={t("triggers.title")} below={t("triggers.hint")}>
        {isAdmin && (
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => go("triggers/new")}>
            {t("triggers.new")}
          </Button>
        )}
      </Head>
      <Listing<Trigger>
        label={t("triggers.title")}
        rows={triggers.data?.pages.flatMap(({ items }) => items)}
        query={triggers}
        keyOf={({ id }) => id}
        minWidth={760}
        empty={{ title: t("triggers.empty"), hint: t("triggers.emptyHint") }}
        columns={[
          {
            name: t("triggers.trigger"),
            cell: ({ id, displayName }) => (
              <To path={`triggers/${encodeURIComponent(id)}`} className="row-link">
                {displayName ?? id}
              </To>
            ),
          },
          { name: t("triggers.when"), cell: (trigger) => <Conditions trigger={trigger} /> },
          {
            name: t("schedules.what"),
            cell: ({ task, flow }) => flow?.template ?? task?.definition ?? task?.queue,
          },
          {
            name: t("tasks.columns.state"),
            cell: ({ paused }) => <StateMark state={paused ? "paused" : "active"} />,
          },
          {
            name: t("schedules.last"),
            cell: ({ last }) => (last ? <StateMark state={last.status} /> : "—"),
          },
          { name: t("tasks.columns.updated"), cell: ({ updatedAt }) => <Ago at={updatedAt} /> },
        ]}
      />
    </>
  );
}

/** Every condition on a line of its own. */
export function Conditions({ trigger }: { trigger: Trigger }) {
  return (
    <Stack gap={2}>
      {trigger.selectBy.map((each) => (
        <code key={wordsOf(each)} style={{ fontSize: 12.5 }}>
          {wordsOf(each)}
        </code>
      ))}
    </Stack>
  );
}
