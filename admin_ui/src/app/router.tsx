/** Every view's address. Each area is code of its own, loaded when it is opened. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Navigate,
  Outlet,
} from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { SessionProvider, useMe } from "@/auth/SessionProvider";
import { CORE } from "@/auth/session";
import { Empty, Failure, Loading } from "@/ui/states";
import { Shell } from "./Shell";

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound });

const landing = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("./Landing"), "Landing"),
});

const tenant = createRoute({
  getParentRoute: () => root,
  path: "$tenant",
  component: function Tenant() {
    const { tenant: named } = tenant.useParams();
    return (
      <SessionProvider tenant={named} key={named}>
        <Shell />
      </SessionProvider>
    );
  },
});

/** Where the login page comes back to: the session provider above takes what it brought and goes on. */
const signedIn = createRoute({
  getParentRoute: () => tenant,
  path: "signed-in",
  component: () => <Loading />,
});

const home = createRoute({ getParentRoute: () => tenant, path: "/", component: Home });

/** Members of an area: the area's own file exports `routes(parent)`-less components, named here with their paths. */
function view<P extends string>(path: P, load: () => Promise<Record<string, unknown>>, name: string) {
  return createRoute({
    getParentRoute: () => tenant,
    path,
    validateSearch: (search: Record<string, unknown>) => search,
    component: lazyRouteComponent(load as () => Promise<Record<string, never>>, name as never),
  });
}

const AREA_VIEWS = [
  view("tasks", () => import("@/areas/tasks"), "Tasks"),
  view("tasks/$task", () => import("@/areas/tasks/detail"), "Detail"),
  view("queues", () => import("@/areas/queues"), "Queues"),
  view("queues/new", () => import("@/areas/queues/new"), "NewQueue"),
  view("queues/$queue", () => import("@/areas/queues/detail"), "QueueDetail"),
  view("flows", () => import("@/areas/flows"), "Flows"),
  view("flows/templates/$template", () => import("@/areas/flows/template"), "FlowTemplate"),
  view("flows/$flow", () => import("@/areas/flows/detail"), "FlowDetail"),
  view("schedules", () => import("@/areas/schedules"), "Schedules"),
  view("schedules/new", () => import("@/areas/schedules/detail"), "NewSchedule"),
  view("schedules/$schedule", () => import("@/areas/schedules/detail"), "ScheduleDetail"),
  view("triggers", () => import("@/areas/triggers"), "Triggers"),
  view("triggers/new", () => import("@/areas/triggers/detail"), "NewTrigger"),
  view("triggers/$trigger", () => import("@/areas/triggers/detail"), "TriggerDetail"),
  view("imports", () => import("@/areas/imports"), "Imports"),
  view("imports/$import", () => import("@/areas/imports/detail"), "ImportDetail"),
  view("definitions", () => import("@/areas/definitions"), "Definitions"),
  view("definitions/$definition", () => import("@/areas/definitions/detail"), "DefinitionDetail"),
  view("dashboard", () => import("@/areas/dashboard"), "Dashboard"),
  view("webhooks", () => import("@/areas/webhooks"), "Webhooks"),
  view("webhooks/$webhook", () => import("@/areas/webhooks/detail"), "WebhookDetail"),
  view("audit", () => import("@/areas/audit"), "Audit"),
  view("settings", () => import("@/areas/settings"), "Settings"),
  view("tenants", () => import("@/areas/tenants"), "Tenants"),
];
const tree = root.addChildren([landing, tenant.addChildren([home, signedIn, ...AREA_VIEWS])]);

function Home() {
  const { me } = useMe();
  const to = me.tenant === CORE ? "/$tenant/tenants" : "/$tenant/tasks";
  return <Navigate to={to as never} from="/$tenant" replace />;
}

function NotFound() {
  const { t } = useTranslation();
  return <Empty title={t("state.notFound")} hint={t("state.notFoundHint")} />;
}

export const router = createRouter({
  routeTree: tree,
  basepath: "/console",
  defaultPreload: "intent",
  defaultPendingComponent: () => <Loading />,
  defaultErrorComponent: ({ error, reset }) => <Failure error={error as Error} retry={reset} />,
  defaultNotFoundComponent: NotFound,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
