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

type Listener = (event: Event) => void;

/** One stream for all views of a session, open while anybody listens: browsers allow six connections to a host. */
class Hub {
  private readonly listeners = new Set<Listener>();
  private readonly watchers = new Set<(open: boolean) => void>();
  private ending: AbortController | null = null;
  private open = false;

  constructor(private readonly session: Session) {}

  join(heard: Listener, live: (open: boolean) => void): () => void {
    this.listeners.add(heard);
    this.watchers.add(live);
    live(this.open);
    if (!this.ending) this.begin();
    return () => {
      this.listeners.delete(heard);
      this.watchers.delete(live);
      if (this.listeners.size === 0) {
        this.ending?.abort();
        this.ending = null;
      }
    };
  }

  private begin(): void {
    this.ending = new AbortController();
    const said = (open: boolean) => {
      this.open = open;
      for (const watcher of this.watchers) watcher(open);
    };
    const heard = (event: Event) => {
      for (const listener of this.listeners) listener(event);
    };
    follow(this.session, "", heard, said, this.ending.signal);
  }
}

const hubs = new WeakMap<Session, Hub>();

function hubOf(session: Session): Hub {
  const hub = hubs.get(session) ?? new Hub(session);
  hubs.set(session, hub);
  return hub;
}

/** Hear of every event (of one queue, or of all that one may read) while the view is open; whether it is live. */
export function useEvents(queue: string | undefined, heard: Listener): boolean {
  const { session } = useMe();
  const [live, setLive] = useState(false);
  const latest = useRef(heard);
  latest.current = heard;

  useEffect(
    () =>
      hubOf(session).join((event) => {
        if (!queue || event.queue === queue) latest.current(event);
      }, setLive),
    [session, queue],
  );
  return live;
}
