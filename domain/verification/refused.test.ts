// When a job that was refused by all who were asked is refused for good.
import fc from "fast-check";
import { expect, test } from "vitest";
import { BATCH_ENDS } from "../execution/batch-state.ts";
import { RULES } from "./constants.ts";
import { isRefusal, REFUSALS } from "./failure.ts";
import { isRefused, refusedAlike, refusedUntil, type Tried } from "./refused.ts";

const at = fc.integer({ min: 0, max: 2 ** 40 }).map((ms) => new Date(ms));
const refusal = fc.record({ endCause: fc.constantFrom(...REFUSALS), endedAt: at });
const refusals = fc.array(refusal, { minLength: RULES.refusalsThatTell, maxLength: 12 });
/** what lives, what delivered, and what failed in any other way */
const other = fc.oneof(
  fc.constant({ endCause: null, endedAt: null }),
  fc.record({ endCause: fc.constantFrom(null, ...BATCH_ENDS.filter((end) => !isRefusal(end))), endedAt: at }),
);

test("a panel in which one runs, delivered or failed in another way is never refused, wherever that one stands", () => {
  fc.assert(
    fc.property(refusals, other, fc.nat(), (panel, one, place) => {
      const mixed: Tried[] = [...panel];
      mixed.splice(place % (panel.length + 1), 0, one);
      expect([isRefused(mixed), refusedUntil(mixed)]).toEqual([false, null]);
    }),
  );
});

test("a job that was given to nobody, or that one machine alone refused, is not refused", () => {
  expect(refusedUntil([])).toBeNull();
  fc.assert(fc.property(refusal, (one) => refusedUntil([one]) === null));
});

test("a refused panel is waited for from its last refusal on, in whatever order they came", () => {
  fc.assert(
    fc.property(refusals, (panel) => {
      const last = Math.max(...panel.map(({ endedAt }) => endedAt.getTime()));
      const until = new Date(last + RULES.refusedPatienceSeconds * 1000);
      expect(refusedUntil(panel)).toEqual(until);
      expect(refusedUntil([...panel].reverse())).toEqual(until);
    }),
  );
});

test("what they refused by is told where it is one and the same", () => {
  const [first, second] = [{ endCause: "cannot-run" }, { endCause: "image-denied" }] as const;
  expect(refusedAlike([first, first])).toBe("cannot-run");
  expect(refusedAlike([first, second])).toBeNull();
});
