// What a job hears of its visitors, and browsers of a job: the same bytes but for what is between two neighbours only, what is
// ours, and what a job has no say in.
import type { IncomingHttpHeaders } from "node:http";
import { FORWARDING_HEADERS } from "../doors.ts";

/** By its prefix browsers keep it to this very host, whatever pages of other hosts set. Plain HTTP has no such cookies. */
export const SECURE_COOKIE = "__Host-berth_port";
export const PLAIN_COOKIE = "berth_port";
const OURS: readonly string[] = [SECURE_COOKIE, PLAIN_COOKIE];

const HOP_BY_HOP = [
  ...["connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization"],
  ...["te", "trailer", "transfer-encoding", "upgrade"],
];
/** Without them a message would have another end, or another meaning: `Connection` may not take them away. */
const KEPT = ["host", "content-length", "cookie", "set-cookie"];
/** These would speak for hosts beside the job's own, or for the transport, which is ours. */
const NOT_A_JOBS = ["clear-site-data", "strict-transport-security", "public-key-pins", "alt-svc"];
/** `Domain` would hand a cookie to the hosts of other jobs. */
const DOMAIN = /^domain$/i;

export interface Visitor {
  readonly host: string;
  readonly scheme: "http" | "https";
  readonly address: string | null;
}

/** The values of our cookie, as browsers send it: pages of siblings can add some of their own over plain HTTP. */
export function sessionsIn(header: string | undefined, scheme: "http" | "https"): string[] {
  const name = scheme === "https" ? SECURE_COOKIE : PLAIN_COOKIE;
  return cookies(header).flatMap((cookie) => (nameOf(cookie) === name ? [cookie.slice(name.length + 1)] : []));
}

/** What the job hears. @param upgrading whether the connection is to become a WebSocket */
export function towardsJob(headers: IncomingHttpHeaders, visitor: Visitor, upgrading: boolean): IncomingHttpHeaders {
  const chunked = headers["transfer-encoding"] !== undefined;
  const heard = withoutHops(headers);
  for (const name of FORWARDING_HEADERS) delete heard[name];
  delete heard.expect; // the wait for it is over when we answer
  const others = cookies(headers.cookie).filter((cookie) => !OURS.includes(nameOf(cookie)));
  if (others.length > 0) heard.cookie = others.join("; ");
  else delete heard.cookie;
  return {
    ...heard,
    host: visitor.host,
    ...(visitor.address === null ? {} : { "x-forwarded-for": visitor.address }),
    "x-forwarded-host": visitor.host,
    "x-forwarded-proto": visitor.scheme,
    ...(upgrading ? { connection: "Upgrade", upgrade: "websocket" } : {}),
    ...(chunked ? { "transfer-encoding": "chunked" } : {}), // a body has the end that it had
  };
}

/** What browsers hear of a job's answer. */
export function towardsBrowser(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const heard = withoutHops(headers);
  for (const name of NOT_A_JOBS) delete heard[name];
  const set = (headers["set-cookie"] ?? []).filter((cookie) => !OURS.includes(nameOf(cookie))).map(withoutDomain);
  if (set.length > 0) heard["set-cookie"] = set;
  else delete heard["set-cookie"];
  return heard;
}

function withoutHops(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = (headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  const gone = new Set([...HOP_BY_HOP, ...named.filter((name) => !KEPT.includes(name))]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !gone.has(name)));
}

function cookies(header: string | undefined): string[] {
  return (header ?? "")
    .split(";")
    .map((cookie) => cookie.trim())
    .filter(Boolean);
}

function nameOf(cookie: string): string {
  return cookie.slice(0, Math.max(0, cookie.indexOf("="))).trim();
}

function withoutDomain(cookie: string): string {
  const [pair = "", ...attributes] = cookie.split(";");
  const kept = attributes.filter((attribute) => !DOMAIN.test(attribute.split("=")[0]?.trim() ?? ""));
  return [pair, ...kept].join(";");
}

const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"];

/**
 * Whether a request comes from a page of another origin. Such pages may lead here, and nothing else: hosts of other jobs are
 * the same site to browsers, which send them the cookie.
 * @param origin of the host that was asked for
 */
export function fromElsewhere(
  { method, headers }: { readonly method: string; readonly headers: IncomingHttpHeaders },
  origin: string,
  upgrading: boolean,
): boolean {
  const from = headers.origin?.toLowerCase();
  const site = headers["sec-fetch-site"];
  if (from !== undefined && from !== "null" && from !== origin) return true;
  // A page that hides its address sends "null" from its own forms too: then the browser must vouch for it.
  if (upgrading || !SAFE_METHODS.includes(method)) return from !== origin && site !== "same-origin";
  const led = headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document";
  return (site === "cross-site" || site === "same-site") && !led;
}
