// Whatever the clocks say, what is wanted now is given time, and never without end.
import fc from "fast-check";
import { expect, test } from "vitest";
import { timeLeft } from "./deadline.ts";

const HOUR = 3_600_000;
const at = (ms: number) => new Date(ms).toISOString();
const moment = fc.integer({ min: 0, max: Date.parse("2200-01-01T00:00:00Z") });

test("the broker's own two times decide, however far this machine's clock is off", () => {
  fc.assert(
    fc.property(moment, fc.integer({ min: 1, max: 720 * HOUR }), moment, (brokerMs, span, ownMs) => {
      expect(timeLeft(at(brokerMs + span), at(brokerMs), ownMs)).toBe(span);
    }),
  );
});

test("a broker's time that contradicts its wish gives way to this machine's clock", () => {
  for (const brokerNow of ["1999-01-01T00:00:00Z", "2199-01-01T00:00:00Z"]) {
    expect(timeLeft(at(1_800_000_000_000 + 5 * HOUR), brokerNow, 1_800_000_000_000)).toBe(5 * HOUR);
  }
});

test("what is left is never negative, never longer than a rental can be", () => {
  fc.assert(
    fc.property(moment, moment, moment, (deadline, brokerMs, ownMs) => {
      const left = timeLeft(at(deadline), at(brokerMs), ownMs);
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(721 * HOUR);
    }),
  );
});
