/** The calls of schedules, and how their settings are typed. */
import { data, type Schemas } from "@/api/client";
import type { Kind } from "@/automation/kind";
import { changesOf } from "@/ui/useDraft";
import { bodyOf, type Draft, draftOf } from "./draft";

export type Schedule = Schemas["ScheduleView"];
export type Firing = Schemas["FiringView"];

const at = (schedule_id: string) => ({ path: { schedule_id } });

export const SCHEDULES: Kind<Schedule, Firing, Draft> = {
  area: "schedules",
  page: (api, after) => data(api.GET("/api/v1/schedules", { params: { query: { after, limit: 100 } } })),
  read: (api, id) => data(api.GET("/api/v1/schedules/{schedule_id}", { params: at(id) })),
  entries: (api, id, after) =>
    data(
      api.GET("/api/v1/schedules/{schedule_id}/firings", {
        params: { ...at(id), query: { after, limit: 30 } },
      }),
    ),
  create: (api, draft) =>
    data(api.POST("/api/v1/schedules", { body: { ...bodyOf(draft), id: draft.id.trim() } })),
  change: (api, was, draft) =>
    data(
      api.PATCH("/api/v1/schedules/{schedule_id}", {
        params: { ...at(was.id), header: { "if-match": `"${was.version}"` } },
        body: changesOf(bodyOf(draftOf(was)), bodyOf(draft)),
      }),
    ),
  pause: (api, id) => data(api.POST("/api/v1/schedules/{schedule_id}/pause", { params: at(id) })),
  resume: (api, id) => data(api.POST("/api/v1/schedules/{schedule_id}/resume", { params: at(id) })),
  remove: (api, id) => api.DELETE("/api/v1/schedules/{schedule_id}", { params: at(id) }),
  draftOf,
};
