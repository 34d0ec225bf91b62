/** The calls of triggers, and how their settings are typed. */
import { data, type Schemas } from "@/api/client";
import type { Kind } from "@/automation/kind";
import { changesOf } from "@/ui/useDraft";
import { bodyOf, type Draft, draftOf } from "./draft";

export type Trigger = Schemas["TriggerView"];
export type Run = Schemas["TriggerRunView"];

const at = (trigger_id: string) => ({ path: { trigger_id } });

export const TRIGGERS: Kind<Trigger, Run, Draft> = {
  area: "triggers",
  page: (api, after) => data(api.GET("/api/v1/triggers", { params: { query: { after, limit: 100 } } })),
  read: (api, id) => data(api.GET("/api/v1/triggers/{trigger_id}", { params: at(id) })),
  entries: (api, id, after) =>
    data(
      api.GET("/api/v1/triggers/{trigger_id}/runs", { params: { ...at(id), query: { after, limit: 30 } } }),
    ),
  create: (api, draft) =>
    data(api.POST("/api/v1/triggers", { body: { ...bodyOf(draft), id: draft.id.trim() } })),
  change: (api, was, draft) =>
    data(
      api.PATCH("/api/v1/triggers/{trigger_id}", {
        params: { ...at(was.id), header: { "if-match": `"${was.version}"` } },
        body: changesOf(bodyOf(draftOf(was)), bodyOf(draft)),
      }),
    ),
  pause: (api, id) => data(api.POST("/api/v1/triggers/{trigger_id}/pause", { params: at(id) })),
  resume: (api, id) => data(api.POST("/api/v1/triggers/{trigger_id}/resume", { params: at(id) })),
  remove: (api, id) => api.DELETE("/api/v1/triggers/{trigger_id}", { params: at(id) }),
  draftOf,
};
