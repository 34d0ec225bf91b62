/** What is shown of a query whose server goes away, or whose thing does. */
import { MantineProvider } from "@mantine/core";
import { render } from "@testing-library/react";
import i18next from "i18next";
import type { ReactNode } from "react";
import { initReactI18next } from "react-i18next";
import { beforeAll, expect, test, vi } from "vitest";
import { Problem } from "@/api/problems";
import words from "@/locales/en.json";
import { Read } from "./Read";

vi.mock("@/app/go", () => ({ To: ({ children }: { children: ReactNode }) => <a href="/">{children}</a> }));

beforeAll(async () => {
  await i18next.use(initReactI18next).init({ lng: "en", resources: { en: { translation: words } } });
});

const refused = (status: number) =>
  new Problem({ type: "about:blank", title: "No", status, detail: `Refused with ${status}.` });
const shown = (query: { data?: string; error: Error | null }) => {
  const { container, unmount } = render(
    <MantineProvider>
      <Read query={{ data: undefined, refetch: () => undefined, ...query }} area="tasks" name="t1">
        {(words) => <p>{words}</p>}
      </Read>
    </MantineProvider>,
  );
  const text = container.textContent ?? "";
  unmount();
  return text;
};

test("what was there stays while the server is away, below what is wrong", () => {
  expect(shown({ data: "typed", error: null })).toContain("typed");
  expect(shown({ data: "typed", error: refused(503) })).toMatch(/Refused with 503.*typed/);
  expect(shown({ data: "typed", error: new TypeError("Failed to fetch") })).toContain("typed");
});

test("what is gone or not for somebody is not shown any more", () => {
  expect(shown({ data: "typed", error: refused(404) })).not.toContain("typed");
  expect(shown({ data: "typed", error: refused(403) })).not.toContain("typed");
  expect(shown({ error: refused(503) })).toMatch(/Tasks.*t1.*Refused with 503/);
});
