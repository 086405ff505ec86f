// Which network an address is of, as far as that says who runs the machine.

/** First address and bits of what is nobody's own: anybody may have these, so they are no evidence. */
const SHARED: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
];
const SHARED_RANGES = SHARED.map(([first, bits]) => {
  const from = ipv4(first) ?? 0;
  return { from, to: from + 2 ** (32 - bits) };
});

/**
 * The public IPv4 /24 or IPv6 /48 of an address, as a key; null where it is no public address: loopback, private, link-local,
 * CGNAT, multicast, tunnels, names. Ranges for documentation count as public.
 */
export function networkOf(address: string): string | null {
  const text = address.trim().toLowerCase();
  const four = ipv4(text);
  if (four !== null) return networkOf4(four);
  const parts = ipv6(text.replace(/%.*$/, ""));
  if (!parts) return null;
  const [a = 0, b = 0, c = 0, , , mapped = 0, high = 0, low = 0] = parts;
  if (mapped === 0xffff && parts.slice(0, 5).every((part) => part === 0)) return networkOf4(high * 65_536 + low);
  // Outside 2000::/3 nothing is routed. Of it, Teredo's first 48 bits name a relay, and 6to4's an IPv4 address.
  if (a >> 13 !== 1 || (a === 0x2001 && b === 0)) return null;
  if (a === 0x2002) return networkOf4(b * 65_536 + c);
  return `6/${[a, b, c].map((part) => part.toString(16)).join(":")}`;
}

function networkOf4(value: number): string | null {
  if (SHARED_RANGES.some(({ from, to }) => value >= from && value < to)) return null;
  return `4/${Math.floor(value / 256)}`;
}

/** @returns the address as a number, or null where the text is none */
function ipv4(text: string): number | null {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return null;
  const bytes = text.split(".").map(Number);
  return bytes.every((byte) => byte < 256) ? bytes.reduce((sum, byte) => sum * 256 + byte, 0) : null;
}

/** @returns eight numbers of 16 bits, or null where the text is none */
function ipv6(text: string): readonly number[] | null {
  const tail = /^(.*:)([\d.]+)$/.exec(text);
  const four = tail?.[2]?.includes(".") ? ipv4(tail[2]) : null;
  if (tail?.[2]?.includes(".") && four === null) return null;
  const hex = tail && four !== null ? `${tail[1]}${(four >>> 16).toString(16)}:${(four & 0xffff).toString(16)}` : text;
  const halves = hex.split("::");
  const [left, right] = halves.map((half) => (half === "" ? [] : half.split(":")));
  if (!left || halves.length > 2) return null;
  const missing = 8 - left.length - (right?.length ?? 0);
  if (right ? missing < 1 : missing !== 0) return null;
  const groups = [...left, ...Array.from({ length: missing }, () => "0"), ...(right ?? [])];
  return groups.every((group) => /^[\da-f]{1,4}$/.test(group))
    ? groups.map((group) => Number.parseInt(group, 16))
    : null;
}
