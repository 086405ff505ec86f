// The broker's own checks, and who is caught by them. Chance is seeded: what is measured here is the same every time.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BATCH_PURPOSES } from "../job/batch.ts";
import { checkAfter, type Decided, isCaught } from "./checks.ts";
import { RULES } from "./constants.ts";
import { decayed, type Evidence, isProven, NO_EVIDENCE, withVote } from "./evidence.ts";
import { seeded } from "./testing.ts";

const PROVEN: Evidence = { verified: 50, bad: 0 };
const job = (over: Partial<Decided> = {}): Decided => ({
  ...{ purpose: "customer", kind: "accepted", network: false, hasEnvironment: false, reusable: true },
  evidence: [PROVEN, PROVEN],
  ...over,
});

describe("a check", () => {
  test("follows 3 % of what two proven owners stand behind with a canary, 10 % of newcomers' work, and 3 % with an audit, 10 % of what is unverified", () => {
    const shares = (decided: Decided) => {
      const random = seeded(5);
      const count = { canary: 0, audit: 0 };
      for (let i = 0; i < 50_000; i++) {
        const check = checkAfter(decided, random);
        if (check) count[check] += 1 / 50_000;
      }
      return [count.canary, count.audit].map((share) => Math.round(share * 100));
    };
    expect(shares(job())).toEqual([3, 3]);
    expect(shares(job({ evidence: [PROVEN, NO_EVIDENCE] }))).toEqual([10, 3]);
    expect(shares(job({ evidence: [PROVEN, NO_EVIDENCE, PROVEN] }))).toEqual([3, 3]);
    expect(shares(job({ evidence: [PROVEN, NO_EVIDENCE, NO_EVIDENCE] }))).toEqual([10, 3]);
    expect(shares(job({ kind: "unverified", evidence: [NO_EVIDENCE] }))).toEqual([0, 10]);
    expect(shares(job({ reusable: false }))).toEqual([0, 3]);
    expect(shares(job({ hasEnvironment: true }))).toEqual([0, 3]);
    expect(shares(job({ network: true }))).toEqual([0, 0]);
  });
  test("never follows a check, and is a canary only of what its owner lets be run again, without network or environment", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...BATCH_PURPOSES),
        fc.constantFrom("accepted" as const, "unverified" as const),
        fc.record({ network: fc.boolean(), hasEnvironment: fc.boolean(), reusable: fc.boolean() }),
        fc.constantFrom(0, 0.02, 0.05, 0.5),
        (purpose, kind, flags, drawn) => {
          const check = checkAfter(job({ purpose, kind, ...flags }), () => drawn);
          if (purpose !== "customer" || flags.network || drawn === 0.5) expect(check).toBeNull();
          if (check === "canary")
            expect([kind, flags.reusable, flags.hasEnvironment]).toEqual(["accepted", true, false]);
        },
      ),
    );
  });
});

describe("a provider is caught", () => {
  test("at once where it was wrong about a known answer alike with others, or stood with them behind what an audit contradicts", () => {
    for (const evidence of [NO_EVIDENCE, PROVEN, { verified: 10_000, bad: 1 }]) {
      expect(isCaught(evidence, { kind: "canary", wrong: true })).toBe(true);
      expect(isCaught(evidence, { kind: "audit", contradicted: true })).toBe(true);
      expect(isCaught(evidence, { kind: "canary", wrong: false })).toBe(false);
      expect(isCaught(evidence, { kind: "audit", contradicted: false })).toBe(false);
      expect(isCaught(evidence, { kind: "vote", disagreed: false })).toBe(false);
    }
  });
  test("alone with a wrong canary where that is its first work, not after a long good history", () => {
    const wrong = { kind: "canary", wrong: true, alone: true } as const;
    expect(isCaught({ verified: 0, bad: 1 }, wrong)).toBe(true);
    expect(isCaught({ verified: 50, bad: 1 }, wrong)).toBe(false);
    expect(isCaught({ verified: 50, bad: 6 }, wrong)).toBe(true);
  });
  test("by votes once three are against it and they are more than bad luck", () => {
    const vote = { kind: "vote", disagreed: true } as const;
    expect(isCaught({ verified: 0, bad: 2 }, vote)).toBe(false);
    expect(isCaught({ verified: 0, bad: 3 }, vote)).toBe(true);
    expect(isCaught({ verified: 200, bad: 3 }, vote)).toBe(false);
    expect(isCaught({ verified: 1000, bad: 25 }, vote)).toBe(true);
    expect(isCaught({ verified: Number.MIN_VALUE, bad: 4 }, vote)).toBe(true);
  });
  test("the sooner the more votes are against it, the later the more are for it", () => {
    const vote = { kind: "vote", disagreed: true } as const;
    const count = fc.double({ min: 0, max: 2000, noNaN: true });
    fc.assert(
      fc.property(count, count, (verified, bad) => {
        if (!isCaught({ verified, bad }, vote)) return;
        expect(isCaught({ verified, bad: bad + 1 }, vote)).toBe(true);
        expect(isCaught({ verified: verified / 2, bad }, vote)).toBe(true);
      }),
    );
  });
});

/** One machine's life of verified results, one every `minutes`, canaries among them. @returns after how many it was caught */
function caughtAfter(isWrong: (n: number) => boolean, random: () => number, runs: number, minutes = 30): number | null {
  let stored = { ...NO_EVIDENCE, at: new Date(0) };
  for (let n = 1; n <= runs; n++) {
    const now = new Date(n * minutes * 60_000);
    const canary = random() < (isProven(stored) ? RULES.canary : RULES.canaryNewcomer);
    const wrong = isWrong(n);
    stored = { ...withVote(stored, wrong ? "disagreed" : "agreed", now) };
    if (!wrong) continue;
    const known = decayed(stored, now);
    if (isCaught(known, { kind: "vote", disagreed: wrong })) return n;
    if (canary && isCaught(known, { kind: "canary", wrong, alone: true })) return n;
  }
  return null;
}

describe("over a thousand votes", () => {
  test("fewer than 1 % of honest machines that err in 0.4 % are caught, canaries and all", () => {
    const random = seeded(11);
    let caught = 0;
    for (let machine = 0; machine < 1000; machine++)
      if (caughtAfter(() => random() < 0.004, random, 1000) !== null) caught += 1;
    expect(caught / 1000).toBeLessThan(0.01);
  });
  test("a machine that always lies is caught within 3, one that starts after 500 good results within 20 more", () => {
    const random = seeded(12);
    for (let machine = 0; machine < 200; machine++) {
      expect(caughtAfter(() => true, random, 10)).toBeLessThanOrEqual(3);
      expect(caughtAfter((n) => n > 500, random, 600)).toBeLessThanOrEqual(520);
    }
  });
  test("19 of 20 machines that are wrong one time in five are caught within 60", () => {
    const random = seeded(13);
    let caught = 0;
    for (let machine = 0; machine < 1000; machine++)
      if (caughtAfter(() => random() < 0.2, random, 60) !== null) caught += 1;
    expect(caught / 1000).toBeGreaterThan(0.95);
  });
});
