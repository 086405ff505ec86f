import { once } from "node:events";
import { BlockList, createServer } from "node:net";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { dial, ForbiddenAddress, mayDial } from "./dial.ts";

const NONE = new BlockList();
const allowed = (address: string) => mayDial(address, NONE);

/** First and last, written down apart from the rule. */
const NOT_PUBLIC = [
  ["0.0.0.0", "0.255.255.255"],
  ["10.0.0.0", "10.255.255.255"],
  ["100.64.0.0", "100.127.255.255"],
  ["127.0.0.0", "127.255.255.255"],
  ["169.254.0.0", "169.254.255.255"],
  ["172.16.0.0", "172.31.255.255"],
  ["192.0.0.0", "192.0.0.255"],
  ["192.0.2.0", "192.0.2.255"],
  ["192.88.99.0", "192.88.99.255"],
  ["192.168.0.0", "192.168.255.255"],
  ["198.18.0.0", "198.19.255.255"],
  ["198.51.100.0", "198.51.100.255"],
  ["203.0.113.0", "203.0.113.255"],
  ["224.0.0.0", "255.255.255.255"],
] as const;
const number = (text: string) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const dotted = (n: number) => [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join(".");
const groups = (address: bigint) =>
  Array.from({ length: 8 }, (_, at) => Number((address >> BigInt(112 - 16 * at)) & 0xffffn));

/** Any, with the edges of every range among them. */
const ipv4 = fc.oneof(
  fc.nat({ max: 2 ** 32 - 1 }),
  fc
    .tuple(fc.constantFrom(...NOT_PUBLIC.flat()), fc.integer({ min: -1, max: 1 }))
    .map(([edge, by]) => Math.min(Math.max(number(edge) + by, 0), 2 ** 32 - 1)),
);

describe("what may be dialled", () => {
  test("an IPv4 address may, exactly when no special range holds it; and so may its mapped form", () => {
    fc.assert(
      fc.property(ipv4, (n) => {
        const special = NOT_PUBLIC.some(([first, last]) => n >= number(first) && n <= number(last));
        expect(allowed(dotted(n))).toBe(!special);
        expect(allowed(`::ffff:${dotted(n)}`)).toBe(!special);
        const [high, low] = [Math.floor(n / 65_536), n % 65_536].map((half) => half.toString(16));
        expect(allowed(`0:0:0:0:0:ffff:${high}:${low}`)).toBe(!special);
      }),
      { numRuns: 2000 },
    );
  });

  test("an IPv6 address may only where the internet's own lie, however it is written", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (n) => {
        const written = groups(n).map((group) => group.toString(16));
        const may = allowed(written.join(":"));
        if (n >> 125n !== 1n && n >> 32n !== 0xffffn) expect(may).toBe(false);
        expect(allowed(written.map((group) => group.padStart(4, "0").toUpperCase()).join(":"))).toBe(may);
      }),
      { numRuns: 2000 },
    );
  });

  test("ways around are no ways", () => {
    for (const address of [
      ...["::", "::1", "::127.0.0.1", "::10.0.0.1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd12:3456::1"],
      ...["ff02::1", "64:ff9b::a00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:20::1"],
      ...["2001:db8::1", "2002:a00:1::1", "2002:7f00:1::", "3fff::1", "5f00::1", "::ffff:0:10.0.0.1"],
      ...["127.1", "0x7f.1", "2130706433", "010.0.0.1", "10.0.0.1 ", "", "localhost", "1.2.3.4%eth0"],
    ])
      expect([address, allowed(address)]).toEqual([address, false]);
  });

  test("the internet may be dialled", () => {
    for (const address of [
      "1.1.1.1",
      "9.255.255.255",
      "172.32.0.0",
      "2606:4700::1111",
      "2a01:4f8::1",
      "::ffff:8.8.8.8",
    ])
      expect([address, allowed(address)]).toEqual([address, true]);
  });

  test("what the operator listed may, and its neighbour may not", () => {
    const listed = new BlockList();
    listed.addSubnet("10.1.0.0", 16, "ipv4");
    listed.addAddress("::1", "ipv6");
    for (const address of ["10.1.2.3", "::1", "::ffff:10.1.2.3"]) expect(mayDial(address, listed)).toBe(true);
    for (const address of ["10.2.0.0", "::2", "127.0.0.1"]) expect(mayDial(address, listed)).toBe(false);
  });
});

describe("dialling", () => {
  async function listener() {
    let visits = 0;
    const server = createServer((socket) => {
      visits += 1;
      socket.on("error", () => {});
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("it has no port");
    return { port: address.port, visits: () => visits };
  }
  const loopback = () => {
    const listed = new BlockList();
    listed.addSubnet("127.0.0.0", 8, "ipv4");
    return listed;
  };

  test("a name that leads to this machine is not dialled, unless the operator listed it", async () => {
    const { port, visits } = await listener();
    for (const host of ["localhost", "127.0.0.1", "2130706433", "127.1"])
      await expect(dial({ host, port }, NONE, 5000)).rejects.toBeInstanceOf(ForbiddenAddress);
    expect(visits()).toBe(0);
    const socket = await dial({ host: "localhost", port }, loopback(), 5000);
    expect(socket.remoteAddress).toBe("127.0.0.1");
    socket.destroy();
  });

  test("a port that nobody listens on says so, and a name that does not exist", async () => {
    await expect(dial({ host: "127.0.0.1", port: 9 }, loopback(), 5000)).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
    await expect(dial({ host: "no-such-host.invalid", port: 9 }, loopback(), 5000)).rejects.toThrow();
  });
});
