/** A list of schedules or of triggers, and the columns that both have. */
import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { To, useGo } from "@/app/go";
import { useIsAdmin, useMe } from "@/auth/SessionProvider";
import { type Column, Listing } from "@/ui/Listing";
import { Head, StateMark } from "@/ui/parts";
import { type AnyKind, nameOf, pathOf, type Starter, statusOf } from "./kind";

type Usual<T> = Record<"name" | "what" | "state" | "last", Column<T>>;

interface Props<T extends Starter> {
  kind: AnyKind<T>;
  /** Every column in its order, those that both have among them. */
  columns: (usual: Usual<T>) => Column<T>[];
  below?: ReactNode;
  /** Beside the button for a new one. */
  children?: ReactNode;
}

export function List<T extends Starter>({ kind, columns, below, children }: Props<T>) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const go = useGo();
  const isAdmin = useIsAdmin();
  const { area } = kind;
  const things = useInfiniteQuery({
    queryKey: [tenant, area, "all"],
    queryFn: ({ pageParam }) => kind.page(api, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: 15_000,
  });
  const usual: Usual<T> = {
    name: {
      name: t(`${area}.one`),
      cell: (thing) => (
        <To path={pathOf(kind, thing.id)} className="row-link">
          {nameOf(thing)}
        </To>
      ),
    },
    what: {
      name: t("automation.what"),
      cell: ({ task, flow }) => flow?.template ?? task?.definition ?? task?.queue,
    },
    state: { name: t("tasks.columns.state"), cell: (thing) => <StateMark state={statusOf(thing)} /> },
    last: {
      name: t("automation.last"),
      cell: ({ last }) => (last ? <StateMark state={last.status} /> : "—"),
    },
  };
  return (
    <>
      <Head title={t(`${area}.title`)} below={below}>
        {children}
        {isAdmin && (
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => go(`${area}/new`)}>
            {t(`${area}.new`)}
          </Button>
        )}
      </Head>
      <Listing<T>
        label={t(`${area}.title`)}
        rows={things.data?.pages.flatMap(({ items }) => items)}
        query={things}
        keyOf={({ id }) => id}
        minWidth={760}
        empty={{ title: t(`${area}.empty`), hint: t(`${area}.emptyHint`) }}
        columns={columns(usual)}
      />
    </>
  );
}
