/** What the server says when it refuses (RFC 9457), as an error that every view can show. */
import type { components } from "./schema";

export type ProblemBody = components["schemas"]["ProblemView"];

export class Problem extends Error {
  readonly status: number;
  readonly body: ProblemBody;

  constructor(body: ProblemBody) {
    super(body.detail || body.title);
    this.name = "Problem";
    this.status = body.status;
    this.body = body;
  }

  /** The last part of its type, such as `not-found`. */
  get code(): string {
    return this.body.type.split(":").at(-1) ?? "";
  }

  /** What is wrong with which field of a form, by the field's path. */
  get faults(): Record<string, string> {
    return Object.fromEntries((this.body.errors ?? []).map((fault) => [fault.field, fault.message]));
  }
}

/** The problem that an answer is; also of a server or proxy that answers with something else. */
export async function problemOf(response: Response): Promise<Problem> {
  const said: unknown = await response.json().catch(() => null);
  if (said && typeof said === "object" && "status" in said && "title" in said) {
    return new Problem(said as ProblemBody);
  }
  const title = response.statusText || `HTTP ${response.status}`;
  return new Problem({ type: "about:blank", title, status: response.status, detail: title });
}
