/** The flows of one's queues, and the templates that they are made by. */
import { Button, Group, Select, Tabs, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconPlayerPlay, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { To, useAddress, useGo } from "@/app/go";
import { useGathered } from "@/areas/queues/useNumbers";
import { useIsAdmin, useMe } from "@/auth/SessionProvider";
import { useEvents } from "@/live/events";
import { duration } from "@/ui/format";
import { Listing } from "@/ui/Listing";
import { Ago, Head, StateMark } from "@/ui/parts";

const StartFlow = lazy(async () => ({ default: (await import("./StartFlow")).StartFlow }));

type Flow = Schemas["FlowBriefView"];
const OUTCOMES = ["created", "in-progress", "succeeded", "failed", "canceled"];

export function Flows() {
  const { t } = useTranslation();
  const [address, say] = useAddress();
  const go = useGo();
  const isAdmin = useIsAdmin();
  const [starting, setStarting] = useState<string | null>(null);
  const tab = address.tab === "templates" ? "templates" : "runs";
  return (
    <>
      <Head title={t("flows.title")}>
        {isAdmin && tab === "templates" && (
          <Button
            variant="default"
            leftSection={<IconPlus size={16} aria-hidden />}
            onClick={() => go("flows/templates/new")}
          >
            {t("flows.newTemplate")}
          </Button>
        )}
        <Button leftSection={<IconPlayerPlay size={16} aria-hidden />} onClick={() => setStarting("")}>
          {t("flows.start")}
        </Button>
      </Head>
      <Tabs
        value={tab}
        onChange={(to) => say({ tab: to === "runs" ? undefined : (to ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="runs">{t("flows.runsTab")}</Tabs.Tab>
          <Tabs.Tab value="templates">{t("flows.templates")}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="runs">
          <Runs />
        </Tabs.Panel>
        <Tabs.Panel value="templates">
          <Templates start={setStarting} />
        </Tabs.Panel>
      </Tabs>
      <Suspense>
        {starting !== null && <StartFlow first={starting} close={() => setStarting(null)} />}
      </Suspense>
    </>
  );
}

function Runs() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const [address, say] = useAddress();
  const [label, setLabel] = useState(address.label ?? "");
  const search = useDebouncedCallback((typed: string) => say({ label: typed || undefined }), 300);
  const state = OUTCOMES.find((each) => each === address.state);
  const filter = {
    template: address.template,
    label: address.label,
    ...(state === "created" || state === "in-progress"
      ? { status: state as "created" | "in-progress" }
      : state && { outcome: state as "succeeded" }),
  };
  const key = [tenant, "flows", filter];
  const flows = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) =>
      data(api.GET("/api/v1/flows", { params: { query: { ...filter, after: pageParam, limit: 50 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: 10_000,
  });
  const again = useGathered(() => {
    cache.invalidateQueries({ queryKey: [tenant, "flows"] });
  });
  useEvents(undefined, again);
  const took = ({ startedAt, endedAt }: Flow) =>
    startedAt && endedAt ? duration((Date.parse(endedAt) - Date.parse(startedAt)) / 1000) : "—";
  return (
    <>
      <Group gap="xs" mb="sm">
        <TextInput
          size="xs"
          type="search"
          placeholder={t("flows.label")}
          aria-label={t("flows.label")}
          value={label}
          onChange={(event) => {
            setLabel(event.currentTarget.value);
            search(event.currentTarget.value);
          }}
        />
        <Select
          size="xs"
          aria-label={t("tasks.columns.state")}
          placeholder={t("tasks.columns.state")}
          data={OUTCOMES.map((each) => ({ value: each, label: t(`states.${each}`) }))}
          value={state ?? null}
          onChange={(to) => say({ state: to ?? undefined })}
          clearable
        />
      </Group>
      <Listing<Flow>
        label={t("flows.title")}
        rows={flows.data?.pages.flatMap(({ items }) => items)}
        query={flows}
        keyOf={({ id }) => id}
        empty={{ title: t("flows.empty"), hint: t("flows.emptyHint") }}
        columns={[
          {
            name: t("flows.flow"),
            cell: (flow) => (
              <To path={`flows/${flow.id}`} className="row-link">
                {flow.label || flow.template}
              </To>
            ),
          },
          {
            name: t("tasks.columns.state"),
            cell: (flow) => (
              <StateMark state={flow.status === "done" ? (flow.outcome ?? "done") : flow.status} />
            ),
          },
          { name: t("flows.template"), cell: (flow) => flow.template },
          { name: t("flows.took"), cell: took },
          { name: t("tasks.created"), cell: (flow) => <Ago at={flow.createdAt} /> },
        ]}
      />
    </>
  );
}

function Templates({ start }: { start: (template: string) => void }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const templates = useInfiniteQuery({
    queryKey: [tenant, "flow-templates"],
    queryFn: ({ pageParam }) =>
      data(api.GET("/api/v1/flow-templates", { params: { query: { after: pageParam, limit: 100 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
  });
  return (
    <Listing<Schemas["FlowTemplateView"]>
      label={t("flows.templates")}
      rows={templates.data?.pages.flatMap(({ items }) => items)}
      query={templates}
      keyOf={({ name }) => name}
      empty={{ title: t("flows.noTemplates"), hint: t("flows.noTemplatesHint") }}
      columns={[
        {
          name: t("flows.template"),
          cell: ({ name }) => (
            <To path={`flows/templates/${encodeURIComponent(name)}`} className="row-link">
              {name}
            </To>
          ),
        },
        { name: t("flows.driver"), cell: ({ driver }) => t(`flows.drivers.${driver}`) },
        { name: t("tasks.columns.queue"), cell: ({ queue }) => queue },
        { name: t("flows.version"), cell: ({ version }) => version },
        {
          name: "",
          width: 110,
          cell: ({ name }) => (
            <Button
              size="compact-xs"
              variant="light"
              onClick={() => start(name)}
              aria-label={t("flows.startOf", { name })}
            >
              {t("flows.start")}
            </Button>
          ),
        },
      ]}
    />
  );
}
