// Requests and replies as the dispatcher sees them, whoever carried them: node:http or Next.
import type { IncomingHttpHeaders } from "node:http";

export interface WireRequest {
  readonly method: string;
  /** path and query, as sent */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** the socket's address; null where it is not known */
  readonly peer: string | null;
  readonly body: AsyncIterable<Uint8Array> | null;
  /** fires when the caller is gone, or the process stops */
  readonly signal: AbortSignal;
}

export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** null sends none */
  readonly body: string | AsyncIterable<string> | null;
}

/** A header that must be there once at most; joined by node where a list is allowed. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

export function pathOfTarget(target: string): string {
  const end = target.indexOf("?");
  return end < 0 ? target : target.slice(0, end);
}

/** By its Accept, or by `follow=1` in its query, which an operation that cannot be followed refuses. */
export function wantsEventStream({ headers, target }: Pick<WireRequest, "headers" | "target">): boolean {
  if (new URLSearchParams(target.slice(pathOfTarget(target).length)).get("follow") === "1") return true;
  const accept = headerOf(headers, "accept") ?? "";
  return accept.split(",").some((type) => type.split(";")[0]?.trim().toLowerCase() === "text/event-stream");
}
