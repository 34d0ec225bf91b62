/** The typed client of the API: every call carries the session's token, and a refusal is thrown as a `Problem`. */
import createClient, { type Middleware } from "openapi-fetch";
import type { Session } from "@/auth/session";
import { problemOf } from "./problems";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Client = ReturnType<typeof createClient<paths>>;

/** A client for one session; `tenant` is named with every request when an operator acts in a tenant of others. */
export function clientOf(session: Session): Client {
  const client = createClient<paths>({ baseUrl: window.location.origin });
  client.use(authorized(session), throwing);
  return client;
}

/** The headers of a request of this session, for what the typed client cannot do (streams, uploads). */
export async function headersOf(session: Session): Promise<Record<string, string>> {
  const headers: Record<string, string> = { Authorization: `Bearer ${await session.token()}` };
  if (session.actsIn) headers["Penstock-Tenant"] = session.actsIn;
  return headers;
}

function authorized(session: Session): Middleware {
  return {
    async onRequest({ request }) {
      for (const [name, value] of Object.entries(await headersOf(session))) request.headers.set(name, value);
      return request;
    },
    async onResponse({ response }) {
      if (response.status === 401) await session.renewOrLogIn();
    },
  };
}

const throwing: Middleware = {
  async onResponse({ response }) {
    if (!response.ok && response.status !== 304) throw await problemOf(response);
  },
};

/** The body of an answer that was not refused (a refusal was thrown before). */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}
