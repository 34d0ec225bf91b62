/** Definitions: the kinds of tasks that there are, with their schemas, limits and targets. */
import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data, type Schemas } from "@/api/client";
import { To, useGo } from "@/app/go";
import { useIsAdmin, useMe } from "@/auth/SessionProvider";
import { Listing } from "@/ui/Listing";
import { Ago, Head } from "@/ui/parts";

export function Definitions() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const go = useGo();
  const isAdmin = useIsAdmin();
  const definitions = useInfiniteQuery({
    queryKey: [tenant, "definitions"],
    queryFn: ({ pageParam }) =>
      data(api.GET("/api/v1/definitions", { params: { query: { after: pageParam, limit: 100 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
  });
  return (
    <>
      <Head title={t("definitions.title")}>
        {isAdmin && (
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => go("definitions/new")}>
            {t("definitions.new")}
          </Button>
        )}
      </Head>
      <Listing<Schemas["DefinitionView"]>
        label={t("definitions.title")}
        rows={definitions.data?.pages.flatMap(({ items }) => items)}
        query={definitions}
        keyOf={({ name }) => name}
        empty={{ title: t("definitions.empty"), hint: t("definitions.emptyHint") }}
        columns={[
          {
            name: t("definitions.name"),
            cell: ({ name }) => (
              <To path={`definitions/${encodeURIComponent(name)}`} className="row-link">
                {name}
              </To>
            ),
          },
          { name: t("tasks.columns.queue"), cell: ({ queue }) => queue },
          { name: t("definitions.target"), cell: ({ target }) => t(`definitions.targets.${target.kind}`) },
          { name: t("queues.attempts"), cell: ({ retry }) => retry.maxAttempts },
          { name: t("flows.version"), cell: ({ version }) => version },
          { name: t("tasks.columns.updated"), cell: ({ updatedAt }) => <Ago at={updatedAt} /> },
        ]}
      />
    </>
  );
}
