/** The address holds the view: it is read back as it was written, and asks for what it says. */
import { expect, test } from "vitest";
import { queryOf, searchOf, USUAL, type View, viewFrom, viewOf, wantedOf } from "./view";

const NARROW: View = {
  show: "mine",
  queues: ["intake:strike-reports", "a:b"],
  priorities: ["urgent", "low"],
  definition: "mail/send",
  label: "x",
  text: "owl",
  sort: "-createdAt",
  columns: ["state", "age"],
};

test("a view is read from the address as it was written there", () => {
  expect(viewOf(searchOf(NARROW))).toEqual(NARROW);
});

test("nothing said is the usual view, and the usual view says nothing", () => {
  const usual = viewOf({});
  expect(usual).toMatchObject({ show: "open", columns: USUAL, queues: [] });
  expect(Object.values(searchOf(usual)).filter(Boolean)).toEqual([]);
});

test("all columns but the name can be taken away", () => {
  expect(viewOf(searchOf({ columns: [] })).columns).toEqual([]);
});

test("an address that was bent by hand asks for what is known only", () => {
  expect(viewOf({ show: "everything", priority: "huge,low", sort: "size" })).toMatchObject({
    show: "open",
    priorities: ["low"],
    sort: "",
  });
});

test("each tab asks the server for its own", () => {
  expect(queryOf(viewOf({}))).toEqual({ limit: 100 });
  expect(queryOf(viewOf({ show: "free", text: "owl" }))).toEqual({
    limit: 100,
    assignee: "none",
    state: ["ready"],
    text: "owl*",
  });
  expect(queryOf(viewOf({ text: "owl*" })).text).toBe("owl*");
  expect(queryOf(viewOf({ show: "dead", sort: "endedAt" })).sort).toBe("endedAt");
  expect(queryOf(viewOf({ sort: "endedAt" })).sort).toBeUndefined();
});

test("a view that was kept under a name comes back", () => {
  const { columns: _, ...kept } = NARROW;
  expect(viewFrom(wantedOf(NARROW))).toEqual(kept);
  expect(viewFrom(wantedOf(viewOf({ show: "free" }))).show).toBe("free");
  expect(viewFrom({ assignee: "none" }).show).toBe("open");
});
