/** One import: how far it is, and which lines became no task, by their numbers. */
import { Button, SimpleGrid, Stack, Text } from "@mantine/core";
import { IconBan, IconListDetails } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useGo } from "@/app/go";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { confirmed } from "@/ui/confirm";
import { bytes, count } from "@/ui/format";
import { Listing } from "@/ui/Listing";
import { Ago, Back, Fact, Head, Panel, Person, StateMark } from "@/ui/parts";
import { Read } from "@/ui/Read";
import { type Import, nameOf, Share, stateOf } from "./index";

export function ImportDetail() {
  const { import: id = "" } = useParams({ strict: false }) as { import?: string };
  const { api, tenant } = useMe();
  const job = useQuery({
    queryKey: [tenant, "import", id],
    queryFn: () => data(api.GET("/api/v1/imports/{import_id}", { params: { path: { import_id: id } } })),
    refetchInterval: ({ state }) => (state.data?.state === "done" ? false : 1000),
  });
  return (
    <Read query={job} area="imports" name={id}>
      {(found) => <Page job={found} />}
    </Read>
  );
}

function Page({ job }: { job: Import }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const go = useGo();
  const act = useAct();
  const { progress } = job;
  async function cancel() {
    const title = t("imports.ask.cancel");
    if (!(await confirmed({ title, body: t("imports.cancelHint"), yes: t("imports.do.cancel") }))) return;
    await act(
      () => data(api.POST("/api/v1/imports/{import_id}/cancel", { params: { path: { import_id: job.id } } })),
      t("imports.said.canceled"),
    );
    await cache.invalidateQueries({ queryKey: [tenant, "import", job.id] });
  }
  const facts: [string, string][] = [
    [t("imports.linesRead"), count(progress.lines)],
    [t("imports.accepted"), count(progress.accepted)],
    [t("imports.refused"), count(progress.refused)],
    [
      t("imports.bytes"),
      progress.bytesTotal === null
        ? bytes(progress.bytesRead)
        : `${bytes(progress.bytesRead)} / ${bytes(progress.bytesTotal)}`,
    ],
  ];
  return (
    <div style={{ maxWidth: 1080 }}>
      <Head
        above={<Back path="imports">{t("imports.title")}</Back>}
        title={nameOf(job)}
        below={
          <span style={{ display: "flex", gap: 14, marginTop: 4, flexWrap: "wrap" }}>
            <StateMark state={stateOf(job)} />
            <span>{job.queue}</span>
          </span>
        }
      >
        <Button
          variant="default"
          leftSection={<IconListDetails size={16} aria-hidden />}
          onClick={() => go("tasks", { queue: job.queue })}
        >
          {t("queues.tasks")}
        </Button>
        {job.state !== "done" && !job.cancelRequested && (
          <Button variant="default" leftSection={<IconBan size={16} aria-hidden />} onClick={cancel}>
            {t("imports.do.cancel")}
          </Button>
        )}
      </Head>
      <Stack>
        <Panel>
          <Stack>
            <Share job={job} />
            <SimpleGrid cols={{ base: 2, xs: 4 }} className="numbers">
              {facts.map(([name, value]) => (
                <Fact key={name} name={name}>
                  <Text size="lg" fw={600}>
                    {value}
                  </Text>
                </Fact>
              ))}
              <Fact name={t("audit.who")}>
                <Person who={job.createdBy} />
              </Fact>
              <Fact name={t("tasks.created")}>
                <Ago at={job.createdAt} />
              </Fact>
              <Fact name={t("tasks.ended")}>{job.endedAt ? <Ago at={job.endedAt} /> : "—"}</Fact>
              <Fact name={t("imports.eachLine")}>{t(`imports.line.${job.lines}`)}</Fact>
            </SimpleGrid>
            {job.reason && (
              <Text size="sm" c="var(--pen-red)" role="status">
                {job.reason.message}
              </Text>
            )}
          </Stack>
        </Panel>
        {progress.refused > 0 && <Refused id={job.id} />}
      </Stack>
    </div>
  );
}

function Refused({ id }: { id: string }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const errors = useInfiniteQuery({
    queryKey: [tenant, "import", id, "errors"],
    queryFn: ({ pageParam }) =>
      data(
        api.GET("/api/v1/imports/{import_id}/errors", {
          params: { path: { import_id: id }, query: { after: pageParam, limit: 100 } },
        }),
      ),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
  });
  return (
    <Listing<Schemas["LineErrorView"]>
      label={t("imports.errors")}
      title={t("imports.errors")}
      rows={errors.data?.pages.flatMap(({ items }) => items)}
      query={errors}
      keyOf={({ line, field }) => `${line} ${field ?? ""}`}
      empty={{ title: t("imports.noErrors") }}
      columns={[
        { name: t("imports.lineNumber"), width: 90, cell: ({ line }) => count(line) },
        { name: t("imports.field"), cell: ({ field }) => field ?? "—" },
        { name: t("tasks.error"), cell: ({ message }) => message },
      ]}
    />
  );
}
