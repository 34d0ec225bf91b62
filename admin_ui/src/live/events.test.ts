/** The stream's messages are found whatever pieces they come in. */
import { expect, test } from "vitest";
import { messagesOf } from "./events";

test("whole messages are split from the rest", () => {
  const { messages, rest } = messagesOf('id: 7\nevent: started\ndata: {"a":1}\n\n: alive\n\nid: 8\nda');
  expect(messages[0]).toEqual({ id: "7", data: '{"a":1}' });
  expect(messages[1]).toEqual({});
  expect(rest).toBe("id: 8\nda");
});

test("data of several lines is one", () => {
  expect(messagesOf("data: a\ndata: b\n\n").messages).toEqual([{ data: "a\nb" }]);
});
