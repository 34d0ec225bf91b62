/** What a schedule or a trigger started, the newest first, and what became of it. */
import { Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { To } from "@/app/go";
import { useMe } from "@/auth/SessionProvider";
import { type Column, Listing } from "@/ui/Listing";
import { Ago, StateMark } from "@/ui/parts";
import type { AnyKind, Entry, Starter } from "./kind";

type Usual<E> = Record<"at" | "state" | "became", Column<E>>;

/** Every column in its order, those that both have among them; words are given by their keys. */
export type Columns<E> = (usual: Usual<E>, t: (key: string) => string) => Column<E>[];

interface Props<T extends Starter, E extends Entry> {
  kind: AnyKind<T, E>;
  id: string;
  columns: Columns<E>;
}

export function History<T extends Starter, E extends Entry>({ kind, id, columns }: Props<T, E>) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const { area } = kind;
  const entries = useInfiniteQuery({
    queryKey: [tenant, area, "one", id, "history"],
    queryFn: ({ pageParam }) => kind.entries(api, id, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: 10_000,
  });
  const usual: Usual<E> = {
    at: { name: t("chart.at"), cell: ({ at }) => <Ago at={at} /> },
    state: {
      name: t("tasks.columns.state"),
      cell: ({ status, reason }) => (
        <div>
          <StateMark state={status} />
          {reason && (
            <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {reason.message}
            </Text>
          )}
        </div>
      ),
    },
    became: {
      name: t("automation.became"),
      cell: ({ run }) =>
        run ? (
          <To path={`${run.kind === "flow" ? "flows" : "tasks"}/${run.id}`} className="row-link">
            {t(run.kind === "flow" ? "flows.flow" : "tasks.task")}
          </To>
        ) : (
          "—"
        ),
    },
  };
  return (
    <Listing<E>
      label={t(`${area}.history`)}
      rows={entries.data?.pages.flatMap(({ items }) => items)}
      query={entries}
      keyOf={(entry) => entry.id}
      minWidth={400}
      empty={{ title: t(`${area}.nothing`), hint: t(`${area}.nothingHint`, { defaultValue: "" }) }}
      columns={columns(usual, t)}
    />
  );
}
