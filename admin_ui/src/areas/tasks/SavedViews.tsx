/** Views that were kept under a name: one's own, and those that others share. */
import { ActionIcon, Group, Menu, Tooltip } from "@mantine/core";
import { IconBookmark, IconBookmarkPlus, IconX } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { type View, viewFrom } from "./view";

const SaveView = lazy(async () => ({ default: (await import("./SaveView")).SaveView }));

export function SavedViews({ view, change }: { view: View; change: (changes: Partial<View>) => void }) {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const act = useAct();
  const [naming, setNaming] = useState(false);
  const key = [tenant, "filters"];
  const filters = useQuery({
    queryKey: key,
    queryFn: async () => (await data(api.GET("/api/v1/filters"))).items,
  });

  async function remove(id: string) {
    await act(() => api.DELETE("/api/v1/filters/{filter_id}", { params: { path: { filter_id: id } } }));
    await cache.invalidateQueries({ queryKey: key });
  }
  return (
    <>
      <Menu position="bottom-end" closeOnItemClick>
        <Menu.Target>
          <Tooltip label={t("views.title")}>
            <ActionIcon variant="subtle" color="gray" aria-label={t("views.title")}>
              <IconBookmark size={17} />
            </ActionIcon>
          </Tooltip>
        </Menu.Target>
        <Menu.Dropdown miw={220}>
          <Menu.Label>{t("views.title")}</Menu.Label>
          {filters.data?.map((each) => (
            <Group key={each.id} gap={0} wrap="nowrap">
              <Menu.Item onClick={() => change(viewFrom(each.wanted as never))} style={{ flex: 1 }}>
                {each.mine ? each.name : t("views.of", { name: each.name, owner: each.owner.name })}
              </Menu.Item>
              {each.mine && (
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size="sm"
                  aria-label={t("views.remove", { name: each.name })}
                  onClick={() => remove(each.id)}
                >
                  <IconX size={13} />
                </ActionIcon>
              )}
            </Group>
          ))}
          {filters.data?.length ? <Menu.Divider /> : null}
          <Menu.Item leftSection={<IconBookmarkPlus size={15} aria-hidden />} onClick={() => setNaming(true)}>
            {t("views.save")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Suspense>{naming && <SaveView view={view} close={() => setNaming(false)} />}</Suspense>
    </>
  );
}
