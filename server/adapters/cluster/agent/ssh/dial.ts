// Dialling where a stranger said: his name is resolved once, and what may not be reached is never connected to.
import { lookup } from "node:dns/promises";
import { BlockList, connect, isIP, type Socket } from "node:net";
import { inTime } from "./patience.ts";

/** An address, or a name that leads to none that may be dialled. */
export class ForbiddenAddress extends Error {}

// IANA's special-purpose registries (RFC 6890 and what followed it): not the internet's, whoever asks.
const RESERVED = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const)
  RESERVED.addSubnet(network, bits, "ipv4");
// Of what is allotted below: Teredo, benchmarks and the like, documentation, 6to4, documentation again.
for (const [network, bits] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const)
  RESERVED.addSubnet(network, bits, "ipv6");

/** All that IPv6 has given out so far: NAT64, unique local, link-local and multicast addresses lie outside. */
const GLOBAL = new BlockList();
GLOBAL.addSubnet("2000::", 3, "ipv6");
const MAPPED = new BlockList();
MAPPED.addSubnet("::ffff:0:0", 96, "ipv6");

/**
 * Whether an address may be dialled: a public one, or one that the operator listed.
 * @param address as inet_pton reads it; anything else may not
 */
export function mayDial(address: string, listed: BlockList): boolean {
  const version = isIP(address);
  if (version === 0 || address.includes("%")) return false;
  const family = version === 6 ? "ipv6" : "ipv4";
  if (listed.check(address, family)) return true;
  if (RESERVED.check(address, family)) return false; // of a mapped address it looks at the IPv4 inside
  return family === "ipv4" || GLOBAL.check(address, family) || MAPPED.check(address, family);
}

/**
 * Connects to the first address of a host that may be dialled and answers.
 * @throws ForbiddenAddress, or what the system says
 */
export async function dial(
  { host, port }: { readonly host: string; readonly port: number },
  listed: BlockList,
  timeoutMs: number,
): Promise<Socket> {
  const endsAt = performance.now() + timeoutMs;
  const leftMs = () => Math.max(1, endsAt - performance.now());
  const found = await inTime(lookup(host, { all: true }), leftMs(), "its name was not resolved in time");
  const allowed = found.map(({ address }) => address).filter((address) => mayDial(address, listed));
  if (allowed.length === 0) throw new ForbiddenAddress(`${found.map(({ address }) => address).join(", ")}: not public`);
  let last: unknown;
  for (const address of allowed.slice(0, 3)) {
    try {
      return await open(address, port, leftMs());
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

function open(address: string, port: number, timeoutMs: number): Promise<Socket> {
  const socket = connect({ host: address, port, noDelay: true });
  const connected = new Promise<Socket>((resolve, reject) => {
    socket.once("connect", () => resolve(socket));
    socket.once("error", reject);
  });
  return inTime(connected, timeoutMs, "it did not answer in time").catch((error: unknown) => {
    socket.on("error", () => undefined);
    socket.destroy();
    throw error;
  });
}
