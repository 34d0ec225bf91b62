/** Going about within a tenant: links and steps by path below it, and the view's state that the address holds. */
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, ReactNode } from "react";
import { useMe } from "@/auth/SessionProvider";

export type Search = Record<string, string | undefined>;

/** A function that goes to a path below the tenant. */
export function useGo(): (path: string, search?: Search, options?: { replace?: boolean }) => void {
  const navigate = useNavigate();
  const { tenant } = useMe();
  return (path, search = {}, options = {}) => {
    navigate({ to: `/${encodeURIComponent(tenant)}/${path}`, search, ...options } as never);
  };
}

/** What the address says after its `?`, and a function that changes some of it; undefined takes a key away. */
export function useAddress(): [Search, (changes: Search) => void] {
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const navigate = useNavigate();
  const said: Search = {};
  for (const [key, value] of Object.entries(search)) if (value !== undefined) said[key] = String(value);
  return [
    said,
    (changes) => {
      navigate({
        to: ".",
        search: (before: Record<string, unknown>) => cleaned({ ...before, ...changes }),
        replace: true,
        resetScroll: false,
      } as never);
    },
  ];
}

function cleaned(search: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(search).filter(([, value]) => value !== undefined && value !== ""),
  );
}

/** A link to a path below the tenant. */
export function To({
  path,
  search,
  children,
  ...others
}: { path: string; search?: Search; children: ReactNode } & Omit<
  AnchorHTMLAttributes<HTMLAnchorElement>,
  "href"
>) {
  const { tenant } = useMe();
  return (
    <Link
      to={`/${encodeURIComponent(tenant)}/${path}` as never}
      search={(search ?? {}) as never}
      {...(others as object)}
    >
      {children}
    </Link>
  );
}
