/** The areas of the console: where each is, who sees it, and the code that is loaded when it is opened. */
import { IconBuilding, type IconProps, IconStack2 } from "@tabler/icons-react";
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

const inTenant = (me: Schemas["MeView"]) => me.tenant !== CORE;

/** In the order of the menu. */
export const AREAS: Area[] = [
  { path: "queues", icon: IconStack2, key: "q", shownTo: inTenant },
  { path: "tenants", icon: IconBuilding, key: "o", shownTo: (me) => me.operator && !inTenant(me) },
];
