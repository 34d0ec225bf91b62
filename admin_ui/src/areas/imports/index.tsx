/** Imports: files whose lines become tasks; begun here, and how far each is. */
import { Button, Group, Progress, Select, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { To, useAddress, useGo } from "@/app/go";
import { useQueues } from "@/areas/queues/useQueues";
import { useMe } from "@/auth/SessionProvider";
import { count } from "@/ui/format";
import { Listing } from "@/ui/Listing";
import { Ago, Head, StateMark } from "@/ui/parts";

const NewImport = lazy(async () => ({ default: (await import("./NewImport")).NewImport }));

export type Import = Schemas["ImportView"];

export const stateOf = ({ state, outcome }: Import): string =>
  state === "done" ? (outcome ?? state) : state;
export const nameOf = ({ source, id }: Import): string => source.fileName ?? source.url ?? id;

export function Imports() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const go = useGo();
  const queues = useQueues();
  const [address, say] = useAddress();
  const [making, setMaking] = useState(false);
  const { queue } = address;
  const imports = useInfiniteQuery({
    queryKey: [tenant, "imports", queue],
    queryFn: ({ pageParam }) =>
      data(api.GET("/api/v1/imports", { params: { query: { queue, after: pageParam, limit: 50 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: 3000,
  });
  const into = queues.data?.filter(({ rights }) => rights.includes("submit")) ?? [];
  return (
    <>
      <Head title={t("imports.title")} below={t("imports.hint")}>
        {into.length > 0 && (
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setMaking(true)}>
            {t("imports.new")}
          </Button>
        )}
      </Head>
      <Group mb="sm">
        <Select
          size="xs"
          aria-label={t("tasks.columns.queue")}
          placeholder={t("dashboard.allQueues")}
          data={queues.data?.map(({ key }) => key) ?? []}
          value={queue ?? null}
          onChange={(to) => say({ queue: to ?? undefined })}
          searchable
          clearable
        />
      </Group>
      <Listing<Import>
        label={t("imports.title")}
        rows={imports.data?.pages.flatMap(({ items }) => items)}
        query={imports}
        keyOf={({ id }) => id}
        minWidth={820}
        empty={{ title: t("imports.empty"), hint: t("imports.emptyHint") }}
        columns={[
          {
            name: t("imports.file"),
            cell: (each) => (
              <To path={`imports/${each.id}`} className="row-link" style={{ overflowWrap: "anywhere" }}>
                {nameOf(each)}
              </To>
            ),
          },
          { name: t("tasks.columns.queue"), cell: (each) => each.queue },
          { name: t("tasks.columns.state"), cell: (each) => <StateMark state={stateOf(each)} /> },
          { name: t("imports.progress"), width: 180, cell: (each) => <Share job={each} /> },
          { name: t("imports.accepted"), cell: ({ progress }) => count(progress.accepted) },
          {
            name: t("imports.refused"),
            cell: ({ progress }) => (
              <Text size="sm" component="span" c={progress.refused > 0 ? "var(--pen-red)" : undefined}>
                {count(progress.refused)}
              </Text>
            ),
          },
          { name: t("tasks.created"), cell: ({ createdAt }) => <Ago at={createdAt} /> },
        ]}
      />
      <Suspense>
        {making && (
          <NewImport
            queues={into}
            first={queue}
            close={() => setMaking(false)}
            made={(id) => go(`imports/${id}`)}
          />
        )}
      </Suspense>
    </>
  );
}

/** How much of the file is read; where its length is not known, how many lines. */
export function Share({ job }: { job: Import }) {
  const { t } = useTranslation();
  const { share, lines } = job.progress;
  const read = job.state === "done" && job.outcome === "succeeded" ? 1 : share;
  if (read === null) return <Text size="sm">{t("imports.lines", { count: lines })}</Text>;
  return (
    <Progress
      value={100 * read}
      size="sm"
      aria-label={t("imports.share", { share: Math.floor(100 * read) })}
      color={job.outcome === "failed" ? "red" : undefined}
    />
  );
}
