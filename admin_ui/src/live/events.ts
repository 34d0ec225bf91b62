/** The live stream of a tenant's events: read with the session's token, resumed where it was cut. */
import { useEffect, useRef, useState } from "react";
import { headersOf, type Schemas } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";
import type { Session } from "@/auth/session";

export type Event = Schemas["EventView"];

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

interface Message {
  id?: string;
  data?: string;
}

/** Split what came of a `text/event-stream` into whole messages and the rest (HTML Living Standard, 9.2.6). */
export function messagesOf(text: string): { messages: Message[]; rest: string } {
  const blocks = text.split("\n\n");
  const rest = blocks.pop() ?? "";
  const messages = blocks.map((block) => {
    const message: Message = {};
    for (const line of block.split("\n")) {
      const at = line.indexOf(":");
      if (at <= 0) continue;
      const [field, value] = [line.slice(0, at), line.slice(at + 1).replace(/^ /, "")];
      if (field === "id") message.id = value;
      if (field === "data") message.data = message.data === undefined ? value : `${message.data}\n${value}`;
    }
    return message;
  });
  return { messages, rest };
}

/** Read events until `signal`; `live` is told whether the stream is open. */
export async function follow(
  session: Session,
  query: string,
  heard: (event: Event) => void,
  live: (open: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  let last = "";
  let wait = FIRST_WAIT;
  while (!signal.aborted) {
    try {
      const headers = { ...(await headersOf(session)), Accept: "text/event-stream" };
      const resumed = last ? { ...headers, "Last-Event-ID": last } : headers;
      const answer = await fetch(`/api/v1/events${query}`, { headers: resumed, signal });
      if (!answer.ok || !answer.body) throw new Error(`HTTP ${answer.status}`);
      live(true);
      wait = FIRST_WAIT;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const { messages, rest } = messagesOf(text + value);
        text = rest;
        for (const message of messages) {
          if (message.id) last = message.id;
          if (message.data) heard(JSON.parse(message.data));
        }
      }
    } catch {
      // Cut: told below, and tried again.
    }
    live(false);
    if (signal.aborted) return;
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

/** Hear of every event (of one queue, or of all that one may read) while the view is open; whether it is live. */
export function useEvents(queue: string | undefined, heard: (event: Event) => void): boolean {
  const { session } = useMe();
  const [live, setLive] = useState(false);
  const latest = useRef(heard);
  latest.current = heard;

  useEffect(() => {
    const ending = new AbortController();
    const query = queue ? `?queue=${encodeURIComponent(queue)}` : "";
    follow(session, query, (event) => latest.current(event), setLive, ending.signal);
    return () => ending.abort();
  }, [session, queue]);
  return live;
}
