// Who counts as one voter.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEMO_ANONYMOUS_ACCOUNT } from "../demo.ts";
import type { ProviderId } from "../ids.ts";
import { type Identity, ownerGroups } from "./groups.ts";
import { networkOf } from "./network.ts";

const provider = (name: string, over: Partial<Identity> = {}): Identity => ({
  ...{ providerId: `prov_${name}`, owner: `0x${name}`, payout: over.owner ?? `0x${name}` },
  ...{ gpuUuids: [], machine: null, addresses: [] },
  ...over,
});
const LIVE = { demo: false };
const DEMO = { demo: true };
const together = (a: Partial<Identity>, b: Partial<Identity>, rules = LIVE) =>
  new Set(ownerGroups([provider("a", a), provider("b", b)], rules).values()).size === 1;

const someIdentity = fc.nat(12).chain((n) =>
  fc.record({
    providerId: fc.constant<ProviderId>(`prov_${n}`),
    owner: fc.nat(9).map((w) => `0x${w}`),
    payout: fc.nat(9).map((w) => `0x${w}`),
    gpuUuids: fc.array(
      fc.nat(20).map((g) => `GPU-${g}`),
      { maxLength: 2 },
    ),
    machine: fc.option(fc.nat(20).map((m) => `machine ${m}`)),
    addresses: fc.array(fc.constantFrom("127.0.0.1", "10.0.0.7", "203.0.113.7", "198.51.100.1", "2001:db8:1::1"), {
      maxLength: 2,
    }),
  }),
);

describe("one owner", () => {
  test("is who shares a wallet, a payout, a GPU, a machine or a public network", () => {
    expect(together({ owner: "0xABC" }, { owner: "0xabc" })).toBe(true);
    expect(together({ payout: "0xsame" }, { payout: "0xsame" })).toBe(true);
    expect(together({ payout: "0xb" }, {})).toBe(true);
    expect(together({ gpuUuids: ["GPU-1", "GPU-2"] }, { gpuUuids: ["GPU-2"] })).toBe(true);
    expect(together({ machine: "id-1" }, { machine: "id-1" })).toBe(true);
    expect(together({ addresses: ["203.0.113.7"] }, { addresses: ["203.0.113.200"] })).toBe(true);
    expect(together({ addresses: ["2001:db8:7::1"] }, { addresses: ["2001:0db8:0007:ffff::2"] })).toBe(true);
  });
  test("is not who shares what anybody may have: nothing, a private address, a name, a neighbouring network", () => {
    expect(together({}, {})).toBe(false);
    expect(together({ gpuUuids: [""], machine: "" }, { gpuUuids: [""], machine: "" })).toBe(false);
    for (const address of ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.1.1", "100.64.0.1", "::1", "fe80::1%eth0"])
      expect(together({ addresses: [address] }, { addresses: [address] })).toBe(false);
    for (const address of ["fd00::1", "localhost", "gpu.example.org", "", "999.1.1.1", "2001:0:5ef5:79fb::1"])
      expect(together({ addresses: [address] }, { addresses: [address] })).toBe(false);
    expect(together({ addresses: ["203.0.113.7"] }, { addresses: ["203.0.114.7"] })).toBe(false);
  });
  test("of a demo, machine and address say nothing, but wallet, payout and GPU do", () => {
    const same = { machine: "laptop", addresses: ["203.0.113.7"] };
    expect(together(same, same, DEMO)).toBe(false);
    expect(together({ owner: "0xone" }, { owner: "0xone" }, DEMO)).toBe(true);
    expect(together({ payout: "0xone" }, { payout: "0xone" }, DEMO)).toBe(true);
    expect(together({ gpuUuids: ["GPU-1"] }, { gpuUuids: ["GPU-1"] }, DEMO)).toBe(true);
  });
  test("is no account of those who are not logged in, in a demo only", () => {
    const anonymous = { owner: DEMO_ANONYMOUS_ACCOUNT };
    expect(together(anonymous, anonymous, DEMO)).toBe(false);
    expect(together(anonymous, anonymous, LIVE)).toBe(true);
  });
  test("a wallet that is written like a GPU joins no GPU", () => {
    expect(together({ owner: "gpu-1" }, { gpuUuids: ["gpu-1"] })).toBe(false);
  });
  test("what two share joins all that either shares with others", () => {
    const all = [
      provider("a", { gpuUuids: ["GPU-1"] }),
      provider("b", { machine: "m" }),
      provider("c", { gpuUuids: ["GPU-1"], machine: "m" }),
      provider("d"),
    ];
    expect([...ownerGroups(all, LIVE).values()]).toEqual(["prov_a", "prov_a", "prov_a", "prov_d"]);
  });
});

describe("the groups", () => {
  test("and their names are the same in whatever order providers come, or come twice", () => {
    fc.assert(
      fc.property(
        fc.array(someIdentity, { maxLength: 14 }).chain((all) => fc.tuple(fc.constant(all), shuffled(all))),
        fc.boolean(),
        ([all, other], demo) => {
          const groups = ownerGroups(all, { demo });
          expect(new Map([...ownerGroups(other, { demo })].sort())).toEqual(new Map([...groups].sort()));
          for (const [id, name] of groups) expect(name <= id).toBe(true);
          for (const name of groups.values()) expect([...groups.keys()]).toContain(name);
        },
      ),
    );
  });
  test("are those of a slow and obvious closure", () => {
    fc.assert(
      fc.property(fc.uniqueArray(someIdentity, { maxLength: 10, selector: (one) => one.providerId }), (all) => {
        const traits = all.map((one) => [
          ...[one.owner, one.payout].map((wallet) => `w${wallet}`),
          ...one.gpuUuids.map((uuid) => `g${uuid}`),
          ...(one.machine === null ? [] : [`m${one.machine}`]),
          ...one.addresses.flatMap((address) => networkOf(address) ?? []),
        ]);
        const name = all.map(({ providerId }) => providerId);
        for (let changed = true; changed; ) {
          changed = false;
          for (const [i, mine] of traits.entries())
            for (const [j, theirs] of traits.entries())
              if (name[i]! > name[j]! && mine.some((trait) => theirs.includes(trait))) {
                name[i] = name[j]!;
                changed = true;
              }
        }
        expect([...ownerGroups(all, LIVE).values()]).toEqual(name);
      }),
    );
  });
  test("of 10 000 providers in one long chain are found without a deep call", () => {
    const all = Array.from({ length: 10_000 }, (_, i) =>
      provider(String(i).padStart(5, "0"), { gpuUuids: [`GPU-${i}`, `GPU-${i + 1}`] }),
    );
    expect(new Set(ownerGroups([...all].reverse(), LIVE).values())).toEqual(new Set(["prov_00000"]));
  });
});

describe("the network of an address", () => {
  test("is one, however the address is written", () => {
    expect(networkOf("::ffff:203.0.113.7")).toBe(networkOf("203.0.113.99"));
    expect(networkOf("2002:cb00:7107::1")).toBe(networkOf("203.0.113.7")); // 6to4 of that very address
    expect(networkOf("2001:DB8:0:0:0:0:0:1")).toBe(networkOf("2001:db8::abcd"));
    expect(networkOf("2001:db8::")).not.toBeNull();
  });
  test("of what is no address is none", () => {
    for (const text of [
      "1.2.3",
      "1.2.3.4.5",
      "2001:db8",
      "2001::db8::1",
      ":::",
      "2001:db8:1:2:3:4:5:6:7",
      "g::1",
      "2001:db8::1.2.3",
    ])
      expect(networkOf(text)).toBeNull();
    fc.assert(fc.property(fc.string(), (text) => void networkOf(text)));
  });
});

function shuffled<T>(all: readonly T[]): fc.Arbitrary<readonly T[]> {
  return fc
    .tuple(fc.shuffledSubarray([...all], { minLength: all.length }), fc.subarray([...all]))
    .map(([one, again]) => [...one, ...again]);
}
