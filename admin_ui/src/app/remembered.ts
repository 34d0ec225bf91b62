/** The organisations that were opened in this browser last. */

const LAST = "penstock.tenants";

export function remembered(): string[] {
  const kept: unknown = JSON.parse(localStorage.getItem(LAST) ?? "[]");
  return Array.isArray(kept) ? kept.filter((each) => typeof each === "string").slice(0, 5) : [];
}

export function remember(tenant: string): void {
  const others = remembered().filter((each) => each !== tenant);
  localStorage.setItem(LAST, JSON.stringify([tenant, ...others].slice(0, 5)));
}
