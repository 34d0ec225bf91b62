/** Durations and ages are written as people say them. */
import i18next from "i18next";
import { beforeAll, expect, test } from "vitest";
import { ago, bytes, duration, initials } from "./format";

beforeAll(async () => {
  await i18next.init({ lng: "en" });
});

test.each([
  [0.084, "84ms"],
  [2.34, "2.3s"],
  [59, "59s"],
  [600, "10m"],
  [7200, "2h"],
  [86_400 * 3, "3d"],
])("%d seconds are %s", (seconds, written) => {
  expect(duration(seconds)).toBe(written);
});

test("what was and what will be", () => {
  const now = Date.parse("2026-01-02T00:00:00Z");
  expect(ago("2026-01-01T21:00:00Z", now)).toBe("3 hr. ago");
  expect(ago("2026-01-02T00:10:00Z", now)).toBe("in 10 min.");
  expect(ago("2026-01-02T00:00:10Z", now)).toBe("now");
});

test("somebody's letters", () => {
  expect(initials("Wim Reviewer")).toBe("WR");
  expect(initials("intake")).toBe("I");
});

test.each([
  [999, "999B"],
  [1234, "1.2kB"],
  [5_000_000, "5MB"],
])("%d bytes are %s", (size, written) => {
  expect(bytes(size)).toBe(written);
});
