// What is known of a provider, and the weight that its word has by it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RULES } from "./constants.ts";
import { decayed, errorRate, isProven, NO_EVIDENCE, weightOf, withVote } from "./evidence.ts";

const NOW = new Date("2026-06-01T12:00:00.000Z");
const days = (count: number) => new Date(NOW.getTime() + count * 86_400_000);
const count = fc.double({ min: 0, max: 10_000, noNaN: true });
const evidence = fc.record({ verified: count, bad: count });

describe("the weight of a word", () => {
  test("a newcomer's is 9, and no machine's is above 99", () => {
    expect(errorRate(NO_EVIDENCE)).toBe(0.1);
    expect(weightOf(NO_EVIDENCE)).toBeCloseTo(9, 12);
    expect(weightOf({ verified: 1_000_000, bad: 0 })).toBeCloseTo(99, 9);
  });
  test("one more result that agreed never lowers it, one that disagreed never raises it", () => {
    fc.assert(
      fc.property(evidence, (known) => {
        const slack = 1e-9;
        expect(weightOf({ ...known, verified: known.verified + 1 })).toBeGreaterThanOrEqual(weightOf(known) - slack);
        expect(weightOf({ ...known, bad: known.bad + 1 })).toBeLessThanOrEqual(weightOf(known) + slack);
      }),
    );
  });
  test("it is always a positive number, whatever is known", () => {
    fc.assert(
      fc.property(evidence, (known) => {
        expect(weightOf(known)).toBeGreaterThan(0);
        expect(weightOf(known)).toBeLessThanOrEqual(99.000001);
      }),
    );
  });
});

describe("what is kept", () => {
  test("half of it is left after 30 days, and all of it where a clock ran backwards", () => {
    const stored = { verified: 40, bad: 4, at: NOW };
    expect(decayed(stored, days(30))).toEqual({ verified: 20, bad: 2 });
    expect(decayed(stored, days(-1))).toEqual({ verified: 40, bad: 4 });
  });
  test("twenty verified results prove a provider, also a second after the last of them; a month later ten are left", () => {
    let stored = { ...NO_EVIDENCE, at: NOW };
    for (let i = 0; i < RULES.provenAt; i++) {
      expect(isProven(decayed(stored, NOW))).toBe(false);
      stored = { ...withVote(stored, "agreed", new Date(NOW.getTime() + i * 1000)) };
    }
    expect(isProven(decayed(stored, new Date(NOW.getTime() + 21_000)))).toBe(true);
    expect(isProven(decayed(stored, days(30)))).toBe(false);
  });
  test("a vote counts one, on what is left of the others", () => {
    const stored = { verified: 40, bad: 4, at: NOW };
    expect(withVote(stored, "agreed", days(30))).toEqual({ verified: 21, bad: 2, at: days(30) });
    expect(withVote(stored, "disagreed", days(30))).toEqual({ verified: 20, bad: 3, at: days(30) });
    expect(withVote(stored, "agreed", days(-1))).toEqual({ verified: 41, bad: 4, at: NOW });
  });
  test("decay in steps is decay at once", () => {
    fc.assert(
      fc.property(evidence, fc.nat(100), fc.nat(100), (known, a, b) => {
        const step = decayed({ ...known, at: NOW }, days(a));
        const twice = decayed({ ...step, at: days(a) }, days(a + b));
        const once = decayed({ ...known, at: NOW }, days(a + b));
        expect(twice.verified).toBeCloseTo(once.verified, 6);
        expect(twice.bad).toBeCloseTo(once.bad, 6);
      }),
    );
  });
});
