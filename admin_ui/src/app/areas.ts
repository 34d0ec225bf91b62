/** The areas of the console: where each is, who sees it, and the code that is loaded when it is opened. */
import {
  IconBinaryTree,
  IconBuilding,
  IconCalendarRepeat,
  IconChartHistogram,
  IconFileDescription,
  IconGavel,
  IconInbox,
  type IconProps,
  IconStack2,
  IconWebhook,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import type { Schemas } from "@/api/client";
import { CORE } from "@/auth/session";

export interface Area {
  /** Path below the tenant, and the key of its name in `areas.*`. */
  path: string;
  icon: ComponentType<IconProps>;
  /** The second key of the keyboard's `g …`. */
  key: string;
  shownTo: (me: Schemas["MeView"]) => boolean;
}

const isAdmin = (me: Schemas["MeView"]) => me.operator || me.roles.includes("task-admin");
const inTenant = (me: Schemas["MeView"]) => me.tenant !== CORE;
const adminsInTenant = (me: Schemas["MeView"]) => isAdmin(me) && inTenant(me);

/** In the order of the menu. */
export const AREAS: Area[] = [
  { path: "tasks", icon: IconInbox, key: "t", shownTo: inTenant },
  { path: "queues", icon: IconStack2, key: "q", shownTo: inTenant },
  { path: "dashboard", icon: IconChartHistogram, key: "d", shownTo: adminsInTenant },
  { path: "flows", icon: IconBinaryTree, key: "f", shownTo: adminsInTenant },
  { path: "schedules", icon: IconCalendarRepeat, key: "s", shownTo: adminsInTenant },
  { path: "definitions", icon: IconFileDescription, key: "e", shownTo: adminsInTenant },
  { path: "webhooks", icon: IconWebhook, key: "w", shownTo: adminsInTenant },
  { path: "audit", icon: IconGavel, key: "a", shownTo: adminsInTenant },
  { path: "tenants", icon: IconBuilding, key: "o", shownTo: (me) => me.operator },
];
