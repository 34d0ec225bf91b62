/** What people say about a task. */
import { ActionIcon, Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useIsAdmin, useMe } from "@/auth/SessionProvider";
import { useAct } from "@/ui/act";
import { Ago, Panel, Person } from "@/ui/parts";
import { Loading } from "@/ui/states";

export function Comments({ task }: { task: string }) {
  const { t } = useTranslation();
  const { api, me, tenant } = useMe();
  const isAdmin = useIsAdmin();
  const cache = useQueryClient();
  const act = useAct();
  const [content, setContent] = useState("");
  const key = [tenant, "task", task, "comments"];
  const path = { task_id: task };
  const comments = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) =>
      data(
        api.GET("/api/v1/tasks/{task_id}/comments", {
          params: { path, query: { after: pageParam, limit: 20 } as never },
        }),
      ),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: 30_000,
  });
  const items = comments.data?.pages.flatMap((page) => page.items);
  async function add() {
    const said = await act(() =>
      data(
        api.POST("/api/v1/tasks/{task_id}/comments", {
          params: { path },
          body: { content: content.trim() } as never,
        }),
      ),
    );
    if (said) setContent("");
    await cache.invalidateQueries({ queryKey: key });
  }
  async function remove(number: number) {
    await act(() =>
      api.DELETE("/api/v1/tasks/{task_id}/comments/{number}", {
        params: { path: { ...path, number } as never },
      }),
    );
    await cache.invalidateQueries({ queryKey: key });
  }
  return (
    <Panel title={t("comments.title")}>
      <Stack gap="md">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            add();
          }}
        >
          <Textarea
            aria-label={t("comments.add")}
            placeholder={t("comments.add")}
            value={content}
            onChange={(event) => setContent(event.currentTarget.value)}
            autosize
            minRows={1}
            maxLength={10_000}
          />
          {content.trim() && (
            <Group justify="flex-end" mt="xs">
              <Button size="xs" type="submit">
                {t("comments.send")}
              </Button>
            </Group>
          )}
        </form>
        {comments.isPending && <Loading />}
        {items && items.length > 0 && (
          <Stack
            gap="md"
            component="ul"
            p={0}
            m={0}
            style={{ listStyle: "none" }}
            aria-label={t("comments.title")}
          >
            {items.map((each) => (
              <li key={each.id}>
                <Group justify="space-between" wrap="nowrap">
                  <Group gap="sm" wrap="nowrap">
                    <Person who={each.createdBy} />
                    <Text size="xs" c="dimmed" component="div">
                      <Ago at={each.createdAt} />
                    </Text>
                  </Group>
                  {(isAdmin || each.createdBy.id === me.subject) && (
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      size="sm"
                      aria-label={t("comments.remove")}
                      onClick={() => remove(each.id)}
                    >
                      <IconTrash size={14} />
                    </ActionIcon>
                  )}
                </Group>
                <Text size="sm" mt={4} style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
                  {each.content}
                </Text>
              </li>
            ))}
          </Stack>
        )}
        {comments.hasNextPage && (
          <Button size="xs" variant="subtle" onClick={() => comments.fetchNextPage()}>
            {t("action.more")}
          </Button>
        )}
      </Stack>
    </Panel>
  );
}
