// The arithmetic of money, over random histories.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { billedSeconds, charge, priceOfHours, splitFee } from "./charge.ts";
import { formatMicros, parseMicros } from "./micros.ts";
import { chargeEntries, grantEntries, holdEntries, isBalanced, releaseEntries } from "./posting.ts";
import { add, subtract, take, total } from "./purse.ts";
import { coresBilled, quote } from "./quote.ts";

const START = new Date("2026-01-01T00:00:00.000Z");
const at = (ms: number) => new Date(START.getTime() + ms);
const rate = fc.bigInt({ min: 0n, max: 1_000_000_000n });
const spanMs = fc.integer({ min: 0, max: 720 * 3_600_000 });
const purse = fc.record({ cash: fc.bigInt(0n, 10n ** 12n), promotion: fc.bigInt(0n, 10n ** 12n) });

describe("charge", () => {
  test("an hour costs the rate, a second its 3600th rounded down", () => {
    expect(charge(389_000n, START, at(3_600_000))).toBe(389_000n);
    expect(charge(389_000n, START, at(1_000))).toBe(108n);
    expect(charge(389_000n, START, at(999))).toBe(0n);
  });
  test("a negative span costs nothing, for clocks may disagree", () => {
    fc.assert(
      fc.property(rate, spanMs, (r, ms) => {
        expect(charge(r, at(ms), START)).toBe(0n);
      }),
    );
  });
  test("cumulative slices sum to the whole, wherever they are cut", () => {
    fc.assert(
      fc.property(
        rate,
        spanMs,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
        (r, ms, cuts) => {
          let booked = 0n;
          for (const cut of [...cuts].sort((a, b) => a - b)) {
            const slice = charge(r, START, at(cut * ms)) - booked;
            expect(slice >= 0n).toBe(true);
            booked += slice;
          }
          expect(booked + (charge(r, START, at(ms)) - booked)).toBe(charge(r, START, at(ms)));
          expect(booked <= charge(r, START, at(ms))).toBe(true);
        },
      ),
    );
  });
  test("outage is never charged, and never turns into a credit", () => {
    fc.assert(
      fc.property(rate, spanMs, spanMs, (r, ms, outage) => {
        expect(charge(r, START, at(ms), outage)).toBe(charge(r, START, at(Math.max(0, ms - outage))));
      }),
    );
    expect(billedSeconds(START, at(10_000), 4_500)).toBe(5);
  });
  test("what is held before the start covers whatever the rental may cost", () => {
    fc.assert(
      fc.property(
        rate,
        fc.integer({ min: 1, max: 720 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (r, hours, part) => {
          expect(charge(r, START, at(hours * 3_600_000 * part)) <= priceOfHours(r, hours)).toBe(true);
        },
      ),
    );
  });
  test("the fee is floored and the provider gets the rest", () => {
    expect(splitFee(1_009n, 1_000)).toEqual({ fee: 100n, provider: 909n });
  });
});

describe("quote", () => {
  test("memory and disk are sold with cores: the largest of the three is paid", () => {
    const holding = { gpuCount: 2, cpuCores: 4, memoryGb: 33, diskGb: 100 };
    expect(coresBilled(holding)).toBe(9);
    expect(quote({ perGpuHour: 389_000n, perCpuHour: 10_000n }, holding)).toBe(868_000n);
  });
});

describe("micros", () => {
  test("what is written is read back, to the micro", () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 17n), 10n ** 17n), (m) => {
        expect(parseMicros(formatMicros(m))).toBe(m);
      }),
    );
  });
  test("anything but a decimal with 6 places is refused", () => {
    for (const text of ["", "1", "1.0", "1.0000000", "+1.000000", "1e3", ".000001", " 1.000000", "1,000000", "NaN"])
      expect(parseMicros(text)).toBeNull();
  });
});

describe("purse", () => {
  test("promotion is spent first, nothing is taken that is not there, and nothing is lost", () => {
    fc.assert(
      fc.property(purse, fc.bigInt(-10n, 3n * 10n ** 12n), (p, amount) => {
        const taken = take(p, amount);
        if (amount < 0n || amount > total(p)) {
          expect(taken).toBeNull();
          return;
        }
        if (!taken) throw new Error("it was covered");
        expect(total(taken)).toBe(amount);
        expect(taken.cash === 0n || taken.promotion === p.promotion).toBe(true);
        expect(add(subtract(p, taken), taken)).toEqual(p);
      }),
    );
  });
});

describe("postings", () => {
  test("every posting sums to zero within each kind of funds", () => {
    fc.assert(
      fc.property(purse, purse, fc.integer({ min: 0, max: 10_000 }), (p, booked, fee) => {
        expect(isBalanced(grantEntries("0xa", p.promotion))).toBe(true);
        expect(isBalanced(holdEntries("0xa", p))).toBe(true);
        expect(isBalanced(releaseEntries("0xa", p))).toBe(true);
        expect(isBalanced(chargeEntries("0xa", "0xb", p, booked, fee))).toBe(true);
      }),
    );
  });
  test("fees of slices sum to the fee of the whole", () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(0n, 10_000n), { minLength: 1, maxLength: 30 }), (slices) => {
        let booked = 0n;
        let fees = 0n;
        for (const cash of slices) {
          const lines = chargeEntries("0xa", "0xb", { cash, promotion: 0n }, { cash: booked, promotion: 0n }, 1_000);
          fees += lines.filter((line) => line.owner === "fees").reduce((sum, line) => sum + line.amount, 0n);
          booked += cash;
        }
        expect(fees).toBe(splitFee(booked, 1_000).fee);
      }),
    );
  });
});
