import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { largerSizes, MOST_SIZES, nextSize } from "./larger.ts";
import { REASONS, type ReasonCode } from "./reasons.ts";

const sizes = fc.record({
  memoryGb: fc.integer({ min: 1, max: 4096 }),
  storageGb: fc.integer({ min: 1, max: 65_536 }),
});

describe("the next size", () => {
  test("is the next power of two above what was rented", () => {
    expect([1, 2, 16, 24, 100].map((rented) => nextSize(rented, 4096))).toEqual([2, 4, 32, 32, 128]);
  });
  test("is the most that is sold, where that is less but still larger", () => {
    expect([nextSize(16, 24), nextSize(16, 17), nextSize(16, 16), nextSize(16, 8)]).toEqual([24, 17, null, null]);
  });
  test("is always larger, at most double, and never more than is sold", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_536 }), fc.integer({ min: 0, max: 65_536 }), (rented, most) => {
        const next = nextSize(rented, most);
        expect(next === null).toBe(most <= rented);
        if (next === null) return;
        expect(next).toBeGreaterThan(rented);
        expect(next).toBeLessThanOrEqual(Math.min(2 * rented, most));
      }),
    );
  });
});

test("only an end for want of room asks for more, and only for more of that", () => {
  fc.assert(
    fc.property(fc.constantFrom(...(Object.keys(REASONS) as ReasonCode[])), sizes, (reason, rented) => {
      const larger = largerSizes(reason, rented);
      if (reason !== "out-of-memory") expect(larger?.memoryGb ?? rented.memoryGb).toBe(rented.memoryGb);
      else expect(larger?.memoryGb ?? null).toBe(nextSize(rented.memoryGb, MOST_SIZES.memoryGb));
      if (reason !== "out-of-disk") expect(larger?.storageGb ?? rented.storageGb).toBe(rented.storageGb);
      else expect(larger?.storageGb ?? null).toBe(nextSize(rented.storageGb, MOST_SIZES.storageGb));
    }),
  );
});
