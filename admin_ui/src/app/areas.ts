/** The areas of the console: where each is, who sees it, and the code that is loaded when it is opened. */
import {
  IconBolt,
  IconBuilding,
  IconCalendarTime,
  IconChartBar,
  IconChecklist,
  IconFileImport,
  IconHistory,
  IconPackage,
  type IconProps,
  IconRoute,
  IconSettings,
  IconStack2,
  IconWebhook,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import type { Schemas } from "@/api/client";
import { CORE } from "@/auth/session";

export type Section = "work" | "automation" | "administration";

export interface Area {
  /** Path below the tenant, and the key of its name in `areas.*`. */
  path: string;
  icon: ComponentType<IconProps>;
  /** The second key of the keyboard's `g …`. */
  key: string;
  section: Section;
  shownTo: (me: Schemas["MeView"]) => boolean;
}

const inTenant = (me: Schemas["MeView"]) => me.tenant !== CORE;
const admins = (me: Schemas["MeView"]) => inTenant(me) && (me.operator || me.roles.includes("task-admin"));
const operators = (me: Schemas["MeView"]) => me.operator && !inTenant(me);

/** In the order of the menu. */
export const AREAS: Area[] = [
  { path: "tasks", icon: IconChecklist, key: "t", section: "work", shownTo: inTenant },
  { path: "queues", icon: IconStack2, key: "q", section: "work", shownTo: inTenant },
  { path: "dashboard", icon: IconChartBar, key: "b", section: "work", shownTo: inTenant },
  { path: "imports", icon: IconFileImport, key: "i", section: "work", shownTo: inTenant },
  { path: "flows", icon: IconRoute, key: "f", section: "automation", shownTo: inTenant },
  { path: "schedules", icon: IconCalendarTime, key: "s", section: "automation", shownTo: inTenant },
  { path: "triggers", icon: IconBolt, key: "r", section: "automation", shownTo: inTenant },
  { path: "definitions", icon: IconPackage, key: "d", section: "automation", shownTo: inTenant },
  { path: "webhooks", icon: IconWebhook, key: "w", section: "administration", shownTo: admins },
  { path: "audit", icon: IconHistory, key: "u", section: "administration", shownTo: admins },
  { path: "settings", icon: IconSettings, key: "e", section: "administration", shownTo: admins },
  { path: "tenants", icon: IconBuilding, key: "o", section: "administration", shownTo: operators },
];
