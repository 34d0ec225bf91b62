/** Makes a queue. */
import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useGo } from "@/app/go";
import { useMe } from "@/auth/SessionProvider";
import { Back, Head } from "@/ui/parts";
import { Failure, Loading } from "@/ui/states";
import { bodyOf, type Draft } from "./draft";
import { Editor } from "./Editor";
import { useQueues } from "./useQueues";

export function NewQueue() {
  const { t } = useTranslation();
  const { api, tenant } = useMe();
  const cache = useQueryClient();
  const go = useGo();
  const queues = useQueues();
  if (queues.error) return <Failure error={queues.error} retry={() => queues.refetch()} />;
  if (!queues.data) return <Loading />;

  async function save(draft: Draft) {
    const path = { namespace: draft.namespace, name: draft.name };
    await api.PUT("/api/v1/queues/{namespace}/{name}", {
      params: { path, header: { "if-none-match": "*" } },
      body: bodyOf(draft),
    });
    await cache.invalidateQueries({ queryKey: [tenant, "queues"] });
    go(`queues/${encodeURIComponent(`${draft.namespace}:${draft.name}`)}`);
    return undefined;
  }
  return (
    <div style={{ maxWidth: 980 }}>
      <Head title={t("queues.new")} above={<Back path="queues">{t("queues.title")}</Back>} />
      <Editor queues={queues.data} save={save} cancel={() => go("queues")} />
    </div>
  );
}
