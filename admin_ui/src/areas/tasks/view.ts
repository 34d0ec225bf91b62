/** What a worklist shows: the address says it, the server is asked for it. Pure. */
import type { paths } from "@/api/schema";
import type { Search } from "@/app/go";

export type Query = NonNullable<paths["/api/v1/tasks"]["get"]["parameters"]["query"]>;

export const SHOWS = ["open", "mine", "free", "running", "waiting", "done", "dead"] as const;
export type Show = (typeof SHOWS)[number];

export const PRIORITIES = ["urgent", "high", "normal", "low"] as const;

export const COLUMNS = ["state", "queue", "labels", "record", "assignee", "due", "age", "updated"] as const;
export type Column = (typeof COLUMNS)[number];
export const USUAL: Column[] = ["state", "queue", "labels", "assignee", "age"];

export const SORTS = [
  "place",
  "dueDate",
  "createdAt",
  "-createdAt",
  "-updatedAt",
  "endedAt",
  "-endedAt",
] as const;
export type Sort = (typeof SORTS)[number];

export interface View {
  show: Show;
  queues: string[];
  priorities: string[];
  definition: string;
  label: string;
  text: string;
  sort: Sort | "";
  columns: Column[];
}

const list = (said: string | undefined) => (said ? said.split(",").filter(Boolean) : []);

/** The view that an address means; what it does not know is left out. */
export function viewOf(search: Search): View {
  const known = <T extends string>(all: readonly T[], said: string | undefined): T | undefined =>
    all.find((each) => each === said);
  const columns = COLUMNS.filter((column) => list(search.columns).includes(column));
  return {
    show: known(SHOWS, search.show) ?? "open",
    queues: list(search.queue),
    priorities: PRIORITIES.filter((each) => list(search.priority).includes(each)),
    definition: search.definition ?? "",
    label: search.label ?? "",
    text: search.text ?? "",
    sort: known(SORTS, search.sort) ?? "",
    columns: search.columns === undefined ? USUAL : columns,
  };
}

/** The address's part that says the same; what is usual is left out. */
export function searchOf(view: Partial<View>): Search {
  const joined = (values: string[] | undefined) => (values?.length ? values.join(",") : undefined);
  const search: Search = {};
  if ("show" in view) search.show = view.show === "open" ? undefined : view.show;
  if ("queues" in view) search.queue = joined(view.queues);
  if ("priorities" in view) search.priority = joined(view.priorities);
  if ("definition" in view) search.definition = view.definition || undefined;
  if ("label" in view) search.label = view.label || undefined;
  if ("text" in view) search.text = view.text || undefined;
  if ("sort" in view) search.sort = view.sort || undefined;
  if ("columns" in view) {
    search.columns =
      view.columns?.join(",") === USUAL.join(",") ? undefined : (view.columns?.join(",") ?? undefined);
  }
  return search;
}

const SHOWN: Record<Show, Query> = {
  open: {},
  mine: { assignee: "me" },
  free: { assignee: "none", state: ["ready"] },
  running: { state: ["requested", "in-progress"] },
  waiting: { state: ["waiting"] },
  done: { state: ["done"] },
  dead: { dead: true },
};

/** The last word may not be typed to its end: it stands for all that begin so. */
function begun(text: string): string {
  return /[\p{L}\p{N}]{3}$/u.test(text) ? `${text}*` : text;
}

/** What the server is asked for. */
export function queryOf(view: View): Query {
  const query: Query = { ...SHOWN[view.show], limit: 100 };
  if (view.queues.length) query.queue = view.queues;
  if (view.priorities.length) query.priority = view.priorities as Query["priority"];
  if (view.definition) query.definition = [view.definition];
  if (view.label) query.label = view.label;
  if (view.text) query.text = begun(view.text);
  const ended = view.show === "done" || view.show === "dead";
  const fits = view.sort && (ended || !view.sort.includes("endedAt"));
  if (fits) query.sort = view.sort as Query["sort"];
  return query;
}

/** What is kept of a view under a name: the parameters of a listing. */
export function wantedOf(view: View): Query {
  const { limit: _, ...wanted } = queryOf(view);
  return view.text ? { ...wanted, text: view.text } : wanted;
}

/** The view that kept parameters mean, as far as this worklist can show it. */
export function viewFrom(wanted: Query): Partial<View> {
  const says = (query: Query) =>
    Object.entries(query).every(([key, value]) => String(wanted[key as keyof Query]) === String(value));
  const show = SHOWS.filter((each) => each !== "open").find((each) => says(SHOWN[each])) ?? "open";
  return {
    show,
    queues: [wanted.queue ?? []].flat(),
    priorities: [wanted.priority ?? []].flat(),
    definition: [wanted.definition ?? []].flat()[0] ?? "",
    label: wanted.label ?? "",
    text: wanted.text ?? "",
    sort: SORTS.find((each) => each === wanted.sort) ?? "",
  };
}

/** Whether anything narrows the view beside the tab. */
export function isNarrowed(view: View): boolean {
  return Boolean(view.queues.length || view.priorities.length || view.definition || view.label || view.text);
}
