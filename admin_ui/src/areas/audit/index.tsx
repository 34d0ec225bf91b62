/** Who changed what in the tenant: every change of its things, as it was before and after. */
import { Button, Drawer, Group, Stack, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { useAddress } from "@/app/go";
import { useMe } from "@/auth/SessionProvider";
import { moment } from "@/ui/format";
import { Listing } from "@/ui/Listing";
import { Ago, Fact, Head, Json, Person } from "@/ui/parts";

type Entry = Schemas["AuditView"];

export function Audit() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const [address, say] = useAddress();
  const [looked, setLooked] = useState<Entry | null>(null);
  const [filter] = useDebouncedValue(
    { action: address.action || undefined, target: address.target || undefined },
    300,
  );
  const trail = useInfiniteQuery({
    queryKey: [tenant, "audit", filter],
    queryFn: ({ pageParam }) =>
      data(api.GET("/api/v1/audit", { params: { query: { ...filter, before: pageParam, limit: 50 } } })),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
  });
  return (
    <>
      <Head title={t("audit.title")} below={t("audit.hint")} />
      <Group gap="xs" mb="sm">
        <TextInput
          size="xs"
          placeholder={t("audit.action")}
          aria-label={t("audit.action")}
          value={address.action ?? ""}
          onChange={(event) => say({ action: event.currentTarget.value || undefined })}
        />
        <TextInput
          size="xs"
          placeholder={t("audit.target")}
          aria-label={t("audit.target")}
          value={address.target ?? ""}
          onChange={(event) => say({ target: event.currentTarget.value || undefined })}
        />
      </Group>
      <Listing<Entry>
        label={t("audit.title")}
        rows={trail.data?.pages.flatMap(({ items }) => items)}
        query={trail}
        keyOf={({ n }) => String(n)}
        empty={{ title: t("audit.empty") }}
        columns={[
          { name: t("audit.when"), width: 130, cell: ({ at }) => <Ago at={at} /> },
          { name: t("audit.who"), cell: ({ by }) => <Person who={by} /> },
          { name: t("audit.action"), cell: ({ action }) => action },
          { name: t("audit.target"), cell: ({ target }) => target ?? "—" },
          {
            name: "",
            width: 90,
            cell: (entry) => (
              <Button
                size="compact-xs"
                variant="subtle"
                onClick={() => setLooked(entry)}
                aria-label={t("audit.look", { n: entry.n })}
              >
                {t("audit.change")}
              </Button>
            ),
          },
        ]}
      />
      <Drawer
        opened={looked !== null}
        onClose={() => setLooked(null)}
        position="right"
        size="lg"
        title={looked && `${looked.action} ${looked.target ?? ""}`}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {looked && (
          <Stack>
            <Fact name={t("audit.who")}>
              {looked.by.name} · {moment(looked.at)}
            </Fact>
            <Fact name={t("audit.before")}>
              <Json value={looked.before ?? null} label={t("audit.before")} />
            </Fact>
            <Fact name={t("audit.after")}>
              <Json value={looked.after ?? null} label={t("audit.after")} />
            </Fact>
            {looked.requestId && <Fact name={t("audit.request")}>{looked.requestId}</Fact>}
          </Stack>
        )}
      </Drawer>
    </>
  );
}
