// Who may come in at all: the socket's address, the Host that was meant, and pages of other origins (DESIGN §5).
import { isIP, isIPv6 } from "node:net";
import { AppError } from "../../domain/errors.ts";
import { blockListOf } from "../cidr.ts";
import { headerOf, pathOfTarget, type WireRequest } from "./message.ts";

export interface DoorRules {
  /** origin that people use */
  readonly publicUrl: string;
  readonly demo: boolean;
  /** CIDRs whose forwarded headers count */
  readonly trustedProxies: readonly string[];
}

/** Where a request comes from. */
export interface Caller {
  /** of the client; null where the socket is not known */
  readonly address: string | null;
  /** on this very machine, with nobody in between */
  readonly local: boolean;
}

export interface Doors {
  /** @throws AppError `wrong-host`, `foreign-origin`, `bad-request` */
  admit(request: WireRequest): Caller;
  /** The same for an upgrade: a GET that may do anything, so that a page of another origin is refused. */
  admitUpgrade(request: WireRequest): Caller;
  /** Whether a proxy that may speak for others carried the request. */
  trusts(peer: string | null): boolean;
  /** The host that was asked for, in lower case; "" where none was. */
  hostOf(request: WireRequest): string;
  /** Where a request comes from, whatever it asks for. */
  callerOf(request: WireRequest): Caller;
}

const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"];
/** Probes call an instance by its address, not by its name. */
const PROBED = ["/health", "/ready", "/metrics"];
/** What proxies add; without a trusted one it is only a caller's claim. */
export const FORWARDING_HEADERS = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-real-ip",
  "via",
] as const;

export function createDoors({ publicUrl, demo, trustedProxies }: DoorRules): Doors {
  const { origin, host, protocol, port } = new URL(publicUrl);
  const proxies = blockListOf(trustedProxies);
  const names = demo ? ["127.0.0.1", "localhost", "[::1]"].map((name) => (port ? `${name}:${port}` : name)) : [host];
  const origins = demo ? names.map((name) => `${protocol}//${name}`) : [origin];

  function trusts(peer: string | null): boolean {
    if (trustedProxies.length === 0) return false; // looking an address up costs more than the rest of a door
    return peer !== null && isIP(peer) !== 0 && proxies.check(peer, isIPv6(peer) ? "ipv6" : "ipv4");
  }

  /** The nearest address that no trusted proxy has. */
  function clientOf(peer: string, forwardedFor: string): string {
    let client = peer;
    for (const hop of forwardedFor.split(",").reverse()) {
      if (!trusts(client)) break;
      const address = plainAddress(withoutPort(hop.trim()));
      if (isIP(address) === 0) break;
      client = address;
    }
    return client;
  }

  function hostOf({ headers, peer }: WireRequest): string {
    const trusted = trusts(peer === null ? null : plainAddress(peer));
    const forwarded = trusted ? headerOf(headers, "x-forwarded-host")?.split(",").at(-1)?.trim() : undefined;
    return (forwarded ?? headers.host ?? "").toLowerCase();
  }

  function refuseWrongHost(request: WireRequest): void {
    const asked = hostOf(request);
    if (names.includes(asked)) return;
    if (!demo && PROBED.includes(pathOfTarget(request.target)) && isAddressOrLocal(asked)) return;
    throw new AppError("wrong-host", "This broker is reached at its own address only.");
  }

  function refuseForeignOrigin({ headers }: WireRequest): void {
    const from = headers.origin?.toLowerCase();
    const site = headerOf(headers, "sec-fetch-site")?.toLowerCase();
    if ((from === undefined || origins.includes(from)) && site !== "cross-site" && site !== "same-site") return;
    throw new AppError("foreign-origin", "A page of another origin may not do this here.");
  }

  function callerOf({ headers, peer: socket }: WireRequest): Caller {
    const peer = socket === null ? null : plainAddress(socket);
    const carried = FORWARDING_HEADERS.some((name) => headers[name] !== undefined);
    const forwardedFor = trusts(peer) ? headerOf(headers, "x-forwarded-for") : undefined;
    return {
      address: peer !== null && forwardedFor ? clientOf(peer, forwardedFor) : peer,
      local: peer !== null && isLoopback(peer) && !carried,
    };
  }

  function admit(request: WireRequest, safe: boolean): Caller {
    refuseWrongHost(request);
    if (!safe) refuseForeignOrigin(request);
    return callerOf(request);
  }

  return {
    trusts: (peer) => trusts(peer === null ? null : plainAddress(peer)),
    hostOf,
    callerOf,
    admit: (request) => admit(request, SAFE_METHODS.includes(request.method)),
    admitUpgrade: (request) => admit(request, false),
  };
}

/** Some proxies tell the port too, and IPv6 in brackets. */
function withoutPort(hop: string): string {
  const [, six, four] = /^(?:\[([^\]]+)\](?::\d+)?|([\d.]+):\d+)$/.exec(hop) ?? [];
  return six ?? four ?? hop;
}

/** An IPv4 address that a dual-stack socket shows as IPv6 is that IPv4 address. */
function plainAddress(address: string): string {
  return address.toLowerCase().startsWith("::ffff:") && address.includes(".")
    ? address.slice("::ffff:".length)
    : address;
}

export function isLoopback(address: string): boolean {
  return address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
}

function isAddressOrLocal(host: string): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  return name === "localhost" || isIP(name) !== 0;
}
