/** Drafts come back, each to its task, and are forgotten when they are sent or old. */
import { beforeEach, expect, test } from "vitest";
import { draftOf, dropDraft, keepDraft, sweepDrafts } from "./draft";

beforeEach(() => localStorage.clear());

test("a draft comes back to its task only", () => {
  keepDraft("demo", "t1", { decision: "repair" });
  expect(draftOf("demo", "t1")).toEqual({ decision: "repair" });
  expect(draftOf("demo", "t2")).toBeUndefined();
  expect(draftOf("acme", "t1")).toBeUndefined();
  dropDraft("demo", "t1");
  expect(draftOf("demo", "t1")).toBeUndefined();
});

test("old and broken drafts are swept away, others and other things stay", () => {
  const now = Date.now();
  keepDraft("demo", "old", 1, now - 31 * 24 * 3600 * 1000);
  keepDraft("demo", "new", 2, now);
  localStorage.setItem("penstock.draft.demo.broken", "{");
  localStorage.setItem("penstock.language", "fr");
  sweepDrafts(now);
  expect(draftOf("demo", "old")).toBeUndefined();
  expect(draftOf("demo", "new")).toBe(2);
  expect(Object.keys(localStorage).sort()).toEqual(["penstock.draft.demo.new", "penstock.language"]);
});
