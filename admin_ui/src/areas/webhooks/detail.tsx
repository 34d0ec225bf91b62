/** One webhook: its deliveries, each with its tries, sent again where that is wanted. */
import { Button, Drawer, Group, Menu, Select, Stack, Text } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay, IconRefresh, IconSend, IconTrash } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useAddress, useGo } from "@/app/go";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { confirmed } from "@/ui/confirm";
import { Listing } from "@/ui/Listing";
import { Ago, Back, Fact, Head, Json, StateMark } from "@/ui/parts";
import { Read } from "@/ui/Read";
import { Failure, Loading } from "@/ui/states";
import { Secret } from "./index";

type Webhook = Schemas["WebhookView"];
type Delivery = Schemas["DeliveryView"];

const STATUSES = ["pending", "delivered", "failed"] as const;

export function WebhookDetail() {
  const { webhook: id = "" } = useParams({ strict: false }) as { webhook?: string };
  const { api, tenant } = useMe();
  const webhook = useQuery({
    queryKey: [tenant, "webhook", id],
    queryFn: () => data(api.GET("/api/v1/webhooks/{webhook_id}", { params: { path: { webhook_id: id } } })),
    refetchInterval: 10_000,
  });
  return (
    <Read query={webhook} area="webhooks" name={id}>
      {(found) => <Page webhook={found} />}
    </Read>
  );
}

function Page({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const go = useGo();
  const act = useAct();
  const [secret, setSecret] = useState("");
  const at = { params: { path: { webhook_id: webhook.id } } };
  async function done<T>(work: () => Promise<T>, said: string): Promise<T | undefined> {
    const answer = await act(work, said);
    await cache.invalidateQueries({ queryKey: [tenant, "webhook", webhook.id] });
    await cache.invalidateQueries({ queryKey: [tenant, "webhooks"] });
    return answer;
  }
  const stopped = webhook.status !== "active";
  const toggle = () =>
    done(
      () => data(api.PATCH("/api/v1/webhooks/{webhook_id}", { ...at, body: { paused: !stopped } as never })),
      t(stopped ? "webhooks.said.resumed" : "webhooks.said.paused"),
    );
  const test = () =>
    done(() => data(api.POST("/api/v1/webhooks/{webhook_id}/test", at as never)), t("webhooks.said.tested"));
  const rotate = async () => {
    const title = t("webhooks.ask.rotate");
    if (!(await confirmed({ title, body: t("webhooks.rotateHint"), yes: t("webhooks.do.rotate") }))) return;
    const given = await done(
      () => data(api.POST("/api/v1/webhooks/{webhook_id}/rotate-secret", { ...at, body: {} } as never)),
      t("webhooks.said.rotated"),
    );
    setSecret((given as { secret?: string } | undefined)?.secret ?? "");
  };
  const remove = async () => {
    const title = t("webhooks.ask.remove");
    if (!(await confirmed({ title, body: t("webhooks.removeHint"), yes: t("action.delete") }))) return;
    const gone = await act(async () => {
      await api.DELETE("/api/v1/webhooks/{webhook_id}", at);
      return true;
    }, t("webhooks.said.removed"));
    if (!gone) return;
    await cache.invalidateQueries({ queryKey: [tenant, "webhooks"] });
    go("webhooks");
  };
  return (
    <>
      <Head
        above={<Back path="webhooks">{t("webhooks.title")}</Back>}
        title={webhook.name}
        below={
          <Group gap="md" mt={4}>
            <StateMark state={webhook.status} />
            <span style={{ overflowWrap: "anywhere" }}>{webhook.url}</span>
          </Group>
        }
      >
        <Button variant="default" leftSection={<IconSend size={16} aria-hidden />} onClick={test}>
          {t("webhooks.do.test")}
        </Button>
        <Button
          variant="default"
          leftSection={
            stopped ? <IconPlayerPlay size={16} aria-hidden /> : <IconPlayerPause size={16} aria-hidden />
          }
          onClick={toggle}
        >
          {t(stopped ? "queues.do.resume" : "queues.do.pause")}
        </Button>
        <Menu position="bottom-end">
          <Menu.Target>
            <Button variant="default">{t("action.others")}</Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<IconRefresh size={15} />} onClick={rotate}>
              {t("webhooks.do.rotate")}
            </Menu.Item>
            <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={remove}>
              {t("action.delete")}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </Head>
      {webhook.disabled && (
        <Text size="sm" c="var(--pen-red)" mb="sm">
          {webhook.disabled.reason}
        </Text>
      )}
      <Deliveries id={webhook.id} done={done} />
      <Secret secret={secret} close={() => setSecret("")} />
    </>
  );
}

interface DeliveriesProps {
  id: string;
  done: <T>(work: () => Promise<T>, said: string) => Promise<T | undefined>;
}

function Deliveries({ id, done }: DeliveriesProps) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const [address, say] = useAddress();
  const [looked, setLooked] = useState<string | null>(null);
  const status = STATUSES.find((each) => each === address.status);
  const key = [tenant, "webhook", id, "deliveries", status];
  const deliveries = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) =>
      data(
        api.GET("/api/v1/webhooks/{webhook_id}/deliveries", {
          params: { path: { webhook_id: id }, query: { status, after: pageParam, limit: 50 } as never },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: 5000,
  });
  async function replay(delivery: string) {
    await done(
      () =>
        data(
          api.POST("/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay", {
            params: { path: { webhook_id: id, delivery_id: delivery } },
          }),
        ),
      t("webhooks.said.replayed"),
    );
    await cache.invalidateQueries({ queryKey: key });
  }
  const replayAll = () =>
    done(
      () =>
        data(
          api.POST("/api/v1/webhooks/{webhook_id}/replay", {
            params: { path: { webhook_id: id } },
            body: { status: "failed" } as never,
          }),
        ),
      t("webhooks.said.replayed"),
    );
  return (
    <>
      <Group justify="space-between" mb="sm">
        <Select
          size="xs"
          aria-label={t("tasks.columns.state")}
          placeholder={t("tasks.columns.state")}
          data={STATUSES.map((each) => ({ value: each, label: t(`states.${each}`) }))}
          value={status ?? null}
          onChange={(to) => say({ status: to ?? undefined })}
          clearable
        />
        <Button size="xs" variant="default" onClick={replayAll}>
          {t("webhooks.do.replayFailed")}
        </Button>
      </Group>
      <Listing<Delivery>
        label={t("webhooks.deliveries")}
        rows={deliveries.data?.pages.flatMap(({ items }) => items)}
        query={deliveries}
        keyOf={(delivery) => delivery.id}
        empty={{ title: t("webhooks.noDeliveries"), hint: t("webhooks.noDeliveriesHint") }}
        columns={[
          { name: t("webhooks.event"), cell: ({ type }) => t(`events.${type}`, { defaultValue: type }) },
          { name: t("tasks.columns.state"), cell: (each) => <StateMark state={each.status} /> },
          { name: t("webhooks.tries"), cell: ({ tries }) => tries },
          {
            name: t("webhooks.answer"),
            cell: ({ last }) => last?.status ?? last?.error ?? "—",
          },
          { name: t("audit.when"), cell: ({ createdAt }) => <Ago at={createdAt} /> },
          {
            name: "",
            width: 160,
            cell: (delivery) => (
              <Group gap={4} wrap="nowrap" justify="flex-end">
                <Button size="compact-xs" variant="subtle" onClick={() => setLooked(delivery.id)}>
                  {t("webhooks.look")}
                </Button>
                <Button size="compact-xs" variant="light" onClick={() => replay(delivery.id)}>
                  {t("webhooks.do.replay")}
                </Button>
              </Group>
            ),
          },
        ]}
      />
      <Drawer
        opened={looked !== null}
        onClose={() => setLooked(null)}
        position="right"
        size="lg"
        title={t("webhooks.delivery")}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {looked && <Whole webhook={id} delivery={looked} />}
      </Drawer>
    </>
  );
}

function Whole({ webhook, delivery }: { webhook: string; delivery: string }) {
  const { t } = useTranslation();
  const { api } = useMe();
  const whole = useQuery({
    queryKey: ["delivery", webhook, delivery],
    queryFn: () =>
      data(
        api.GET("/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}", {
          params: { path: { webhook_id: webhook, delivery_id: delivery } },
        }),
      ),
    staleTime: 0,
  });
  if (whole.error) return <Failure error={whole.error} />;
  if (!whole.data) return <Loading />;
  const { attempts, ...rest } = whole.data;
  return (
    <Stack>
      {(attempts ?? []).map((each) => (
        <Fact key={each.at} name={t("webhooks.try")}>
          <Ago at={each.at} /> · {each.status ?? each.error} · {each.milliseconds} ms
          {each.response && <Json value={each.response} label={t("webhooks.answer")} />}
        </Fact>
      ))}
      <Json value={rest} label={t("webhooks.delivery")} />
    </Stack>
  );
}
