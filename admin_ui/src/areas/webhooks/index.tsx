/** Webhooks: who outside is told of what, and whether it arrives. */
import {
  Button,
  CopyButton,
  Group,
  Modal,
  MultiSelect,
  SegmentedControl,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { To } from "@/app/go";
import { useQueues } from "@/areas/queues/useQueues";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { Listing } from "@/ui/Listing";
import { Ago, Head, StateMark } from "@/ui/parts";

type Webhook = Schemas["WebhookView"];

const TYPES = [
  "created",
  "assigned",
  "started",
  "succeeded",
  "failed",
  "canceled",
  "expired",
  "priority-set",
];

export function Webhooks() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState("");
  const webhooks = useInfiniteQuery({
    queryKey: [tenant, "webhooks"],
    queryFn: ({ pageParam }) =>
      data(api.GET("/api/v1/webhooks", { params: { query: { after: pageParam, limit: 100 } as never } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
  });
  return (
    <>
      <Head title={t("webhooks.title")}>
        <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setMaking(true)}>
          {t("webhooks.new")}
        </Button>
      </Head>
      <Listing<Webhook>
        label={t("webhooks.title")}
        rows={webhooks.data?.pages.flatMap(({ items }) => items)}
        query={webhooks}
        keyOf={({ id }) => id}
        empty={{ title: t("webhooks.empty"), hint: t("webhooks.emptyHint") }}
        columns={[
          {
            name: t("queues.name"),
            cell: ({ id, name }) => (
              <To path={`webhooks/${id}`} className="row-link">
                {name}
              </To>
            ),
          },
          {
            name: t("webhooks.url"),
            cell: ({ url }) => (
              <Text size="sm" c="dimmed" truncate maw={340}>
                {url}
              </Text>
            ),
          },
          {
            name: t("webhooks.events"),
            cell: ({ filter }) => filter.types?.join(", ") || t("webhooks.all"),
          },
          { name: t("tasks.columns.state"), cell: ({ status }) => <StateMark state={status} /> },
          { name: t("tasks.created"), cell: ({ createdAt }) => <Ago at={createdAt} /> },
        ]}
      />
      <Modal opened={making} onClose={() => setMaking(false)} title={t("webhooks.new")} size="lg">
        <New
          made={(given) => {
            setMaking(false);
            setSecret(given);
          }}
        />
      </Modal>
      <Secret secret={secret} close={() => setSecret("")} />
    </>
  );
}

export function Secret({ secret, close }: { secret: string; close: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal opened={Boolean(secret)} onClose={close} title={t("webhooks.secret")}>
      <Stack>
        <Text size="sm">{t("webhooks.secretHint")}</Text>
        <TextInput readOnly value={secret} aria-label={t("webhooks.secret")} data-autofocus />
        <CopyButton value={secret}>
          {({ copied, copy }) => (
            <Button onClick={copy} variant="default">
              {t(copied ? "action.copied" : "action.copy")}
            </Button>
          )}
        </CopyButton>
      </Stack>
    </Modal>
  );
}

function New({ made }: { made: (secret: string) => void }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  const queues = useQueues();
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [types, setTypes] = useState<string[]>([]);
  const [chosen, setChosen] = useState<string[]>([]);
  const [payload, setPayload] = useState("native");

  async function save() {
    const filter = { types: types.length ? types : undefined, queues: chosen.length ? chosen : undefined };
    const webhook = await act(
      () =>
        data(
          api.POST("/api/v1/webhooks", {
            body: { name: name.trim(), url: url.trim(), payload, filter } as never,
          }),
        ),
      t("webhooks.said.made"),
    );
    if (!webhook) return;
    await cache.invalidateQueries({ queryKey: [tenant, "webhooks"] });
    made((webhook as { secret?: string }).secret ?? "");
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <Stack gap="sm">
        <TextInput
          label={t("queues.name")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          required
          data-autofocus
        />
        <TextInput
          label={t("webhooks.url")}
          type="url"
          placeholder="https://"
          value={url}
          onChange={(event) => setUrl(event.currentTarget.value)}
          required
        />
        <MultiSelect
          label={t("webhooks.events")}
          placeholder={types.length ? undefined : t("webhooks.all")}
          data={TYPES.map((type) => ({ value: type, label: t(`events.${type}`) }))}
          value={types}
          onChange={setTypes}
          disabled={payload !== "native"}
        />
        <MultiSelect
          label={t("webhooks.queues")}
          placeholder={chosen.length ? undefined : t("dashboard.allQueues")}
          data={queues.data?.map(({ key }) => key) ?? []}
          value={chosen}
          onChange={setChosen}
          searchable
        />
        <SegmentedControl
          aria-label={t("webhooks.payload")}
          data={[
            { value: "native", label: "Penstock" },
            { value: "adsp", label: "ADSP" },
          ]}
          value={payload}
          onChange={setPayload}
        />
        <Group justify="flex-end">
          <Button type="submit" disabled={!name.trim() || !url.trim()}>
            {t("webhooks.create")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
