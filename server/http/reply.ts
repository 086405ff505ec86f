// The headers of an answer: what browsers may do with it, and whose pages may read it.
import type { OperationName } from "../../protocol/operations.ts";
import type { Identity } from "./identify.ts";
import type { WireRequest, WireResponse } from "./message.ts";

export const CORS = { "access-control-allow-origin": "*", "access-control-expose-headers": "X-Request-Id" };
export const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
} as const;

/** What the seed's dashboard reads beside what is public. */
const SEED_READS: readonly OperationName[] = ["listJobs", "getJob", "listJobExecutions"];
const LOCAL_ORIGIN = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

/** In a demo nobody in particular has jobs: a dashboard on this very machine may show them. */
export function localPage(name: OperationName, { headers }: WireRequest, who: Identity | null): Record<string, string> {
  const { origin } = headers;
  if (who?.principal.via !== "anonymous" || !SEED_READS.includes(name)) return {};
  if (origin === undefined || !LOCAL_ORIGIN.test(origin)) return {};
  return { "access-control-allow-origin": origin, vary: "Accept, Authorization, Origin" };
}

export function preflight(allow: string, open: boolean): WireResponse {
  const cors = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, HEAD",
    "access-control-max-age": "86400",
  };
  return { status: 204, headers: { allow, ...(open ? cors : {}) }, body: null };
}

export function json(status: number, body: string, headers: Readonly<Record<string, string>>): WireResponse {
  return { status, headers: { ...headers, "content-type": "application/json" }, body };
}

export function withHeaders(response: WireResponse, headers: Readonly<Record<string, string>>): WireResponse {
  return { ...response, headers: { ...headers, ...response.headers } };
}
