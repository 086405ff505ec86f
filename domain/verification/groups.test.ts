// Who counts as one voter.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEMO_ANONYMOUS_ACCOUNT } from "../demo.ts";
import type { ProviderId } from "../ids.ts";
import { type Identity, ownerGroups } from "./groups.ts";
import { networkOf } from "./network.ts";

const provider = (name: string, over: Partial<Identity> = {}): Identity => ({
  ...{
    providerId: `prov_${name}`,
    owner: `0x${name}`,
    payout: over.owner ?? `0x${name}`,
    gpuUuids: [],
    host: "",
    calledFrom: [],
  },
  ...over,
});
const LIVE = { demo: false };
const DEMO = { demo: true };
const namesOf = (all: readonly Identity[]) => [...ownerGroups(all, LIVE).values()];
const together = (a: Partial<Identity>, b: Partial<Identity>, rules = LIVE) =>
  new Set(ownerGroups([provider("a", a), provider("b", b)], rules).values()).size === 1;

/** Anything that a machine can say, of wallets that begin so. */
const someIdentity = (machines: string, wallets: string) =>
  fc.record({
    providerId: fc.nat(30).map((n): ProviderId => `prov_${String(n).padStart(2, "0")}${machines}`),
    owner: fc.nat(5).map((w) => `0x${wallets}${w}`),
    payout: fc.constantFrom("0xa0", "0xa1", "0xb0", "0xb1"),
    gpuUuids: fc.array(
      fc.nat(6).map((g) => `GPU-${g}`),
      { maxLength: 3 },
    ),
    calledFrom: fc.constant([]),
    host: fc.constantFrom("127.0.0.1", "", "203.0.113.7", "203.0.113.9", "198.51.100.1", "192.0.3.1", "2001:db8:1::1"),
  });
const some = (machines: string, wallets: string) =>
  fc.uniqueArray(someIdentity(machines, wallets), { maxLength: 12, selector: (one) => one.providerId });

function byWallet(all: readonly Identity[]): ReadonlyMap<string, Identity[]> {
  const wallets = new Map<string, Identity[]>();
  for (const one of all) wallets.set(one.owner, [...(wallets.get(one.owner) ?? []), one]);
  return wallets;
}

/** Whether two share what makes two wallets one. */
function share(a: Identity, b: Identity): boolean {
  const network = networkOf(a.host);
  return (
    [a.owner, a.payout].some((wallet) => wallet === b.owner || wallet === b.payout) ||
    a.gpuUuids.some((uuid) => b.gpuUuids.includes(uuid)) ||
    (network !== null && network === networkOf(b.host))
  );
}

describe("one owner", () => {
  test("is who shares a wallet, a payout, a GPU or a public network", () => {
    expect(together({ owner: "0xABC" }, { owner: "0xabc" })).toBe(true);
    expect(together({ payout: "0xsame" }, { payout: "0xsame" })).toBe(true);
    expect(together({ payout: "0xb" }, {})).toBe(true);
    expect(together({ gpuUuids: ["GPU-1", "GPU-2"] }, { gpuUuids: ["GPU-2"] })).toBe(true);
    expect(together({ host: "203.0.113.7" }, { host: "203.0.113.200" })).toBe(true);
    expect(together({ host: "203.0.113.7" }, { calledFrom: ["192.0.3.1", "203.0.113.9"] })).toBe(true);
    expect(together({ host: "2001:db8:7::1" }, { host: "2001:0db8:0007:ffff::2" })).toBe(true);
  });
  test("is not who shares what anybody may have: nothing, a private address, a name, a neighbouring network", () => {
    expect(together({}, {})).toBe(false);
    expect(together({ gpuUuids: [""] }, { gpuUuids: [""] })).toBe(false);
    for (const host of ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.1.1", "100.64.0.1", "::1", "fe80::1%eth0"])
      expect(together({ host }, { host })).toBe(false);
    for (const host of ["fd00::1", "localhost", "gpu.example.org", "", "999.1.1.1", "2001:0:5ef5:79fb::1"])
      expect(together({ host }, { host })).toBe(false);
    expect(together({ host: "203.0.113.7" }, { host: "203.0.114.7" })).toBe(false);
  });
  test("of a demo, an address says nothing, but wallet, payout and GPU do", () => {
    const same = { host: "203.0.113.7" };
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
  test("one machine is not told from another by more wallets on it", () => {
    const all = ["a", "b", "c", "d"].map((name) => provider(name, { gpuUuids: ["GPU-1", "GPU-2"] }));
    expect(new Set(namesOf(all))).toEqual(new Set(["prov_a"]));
  });
});

describe("a liar", () => {
  test("who claims GPUs of two owners joins the older claim alone, and joins nobody else", () => {
    const honest = [provider("a", { gpuUuids: ["GPU-1"] }), provider("b", { gpuUuids: ["GPU-2"] })];
    const groups = ownerGroups([...honest, provider("c", { gpuUuids: ["GPU-2", "GPU-1"] })], LIVE);
    expect(Object.fromEntries(groups)).toEqual({ prov_a: "prov_a", prov_b: "prov_b", prov_c: "prov_a" });
  });
  test("with two machines and a payout joins no two owners either, nor by claiming before they come", () => {
    const liars = [
      provider("0", { owner: "0xliar", payout: "0xa", gpuUuids: ["GPU-2"] }),
      provider("1", { owner: "0xliar", host: "203.0.113.7", gpuUuids: ["GPU-1"] }),
    ];
    const honest = [
      provider("a", { gpuUuids: ["GPU-1"] }),
      provider("b", { gpuUuids: ["GPU-2"] }),
      provider("c", { host: "203.0.113.9" }),
    ];
    const groups = ownerGroups([...liars, ...honest], LIVE);
    expect(new Set(honest.map(({ providerId }) => groups.get(providerId))).size).toBe(3);
  });
  test("does not get out of its network's group by what it claims besides", () => {
    const host = "203.0.113.7";
    const liar = provider("b", { host, gpuUuids: ["GPU-9"], payout: "0xz" });
    const all = [provider("a", { host }), liar, provider("c", { gpuUuids: ["GPU-9"] }), provider("z")];
    expect(ownerGroups(all, LIVE).get("prov_b")).toBe("prov_a");
  });
  test("whatever it claims with whatever wallets, only those who share something themselves are in one group", () => {
    fc.assert(
      fc.property(some("a", "a"), some("b", "b"), (honest, liars) => {
        const groups = ownerGroups([...honest, ...liars], LIVE);
        const wallets = byWallet(honest);
        for (const [one, mine] of wallets)
          for (const [other, theirs] of wallets) {
            const joined = groups.get(mine[0]!.providerId) === groups.get(theirs[0]!.providerId);
            if (one !== other && joined) expect(mine.some((a) => theirs.some((b) => share(a, b)))).toBe(true);
          }
      }),
    );
  });
});

describe("the groups", () => {
  test("and their names are the same in whatever order providers come", () => {
    fc.assert(
      fc.property(
        some("a", "a").chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
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
  test("hold all machines of a wallet together", () => {
    fc.assert(
      fc.property(some("a", "a"), (all) => {
        const groups = ownerGroups(all, LIVE);
        for (const mine of byWallet(all).values())
          expect(new Set(mine.map(({ providerId }) => groups.get(providerId))).size).toBe(1);
      }),
    );
  });
  test("of 10 000 providers in one long chain are pairs, and no chain", () => {
    const all = Array.from({ length: 10_000 }, (_, i) =>
      provider(String(i).padStart(5, "0"), { gpuUuids: [`GPU-${i}`, `GPU-${i + 1}`] }),
    );
    expect(new Set(namesOf([...all].reverse())).size).toBeGreaterThan(4_999);
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
