import fc from "fast-check";
import { expect, test } from "vitest";
import { turnOf } from "./has-turn.ts";

const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 9 });
const now = fc.integer({ min: 0, max: 4_000_000_000_000 }).map((ms) => new Date(ms));
const everyMs = fc.integer({ min: 1, max: 600_000 });

test("in every round exactly one of those who live has the turn, in whatever order they were read, and for all of it", () => {
  fc.assert(
    fc.property(names, now, everyMs, (workers, at, every) => {
      const whose = turnOf(workers, at, every);
      expect(workers).toContain(whose);
      expect(turnOf([...workers, ...workers.toReversed()], at, every)).toBe(whose);
      const begin = Math.floor(at.getTime() / every) * every;
      expect(turnOf(workers, new Date(begin), every)).toBe(whose);
      expect(turnOf(workers, new Date(begin + every - 1), every)).toBe(whose);
    }),
  );
});

test("in as many rounds as there are workers, each has one turn", () => {
  fc.assert(
    fc.property(names, now, everyMs, (workers, at, every) => {
      const rounds = workers.map((_, n) => turnOf(workers, new Date(at.getTime() + n * every), every));
      expect(rounds.toSorted()).toEqual(workers.toSorted());
    }),
  );
});
