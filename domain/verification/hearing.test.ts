// What checks prove, and of whom: laws over whatever owners said.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { corrections, hearCanary, type Said, type SaidOf, verifyAgain } from "./hearing.ts";

const agrees = (a: string, b: string) => a === b;
const digest = fc.constantFrom("truth", "lie", "error 1", "error 2");
const said = fc
  .array(digest, { minLength: 1, maxLength: 5 })
  .map((digests) => digests.map((one, n): Said => ({ group: `owner ${n}`, digest: one })));

describe("a canary", () => {
  test("proves wrong only who was alone in that, and only where somebody gave the known answer", () => {
    fc.assert(
      fc.property(said, digest, (all, known) => {
        const heard = hearCanary(all, known, agrees);
        const count = (one: string) => all.filter((other) => other.digest === one).length;
        if (heard.kind === "doubtful") {
          expect(heard.alike.length).toBeGreaterThan(0);
          expect(heard.alike.length > 1 || count(known) === 0).toBe(true);
          expect(heard.alike.every((one) => one.digest === heard.alike[0]?.digest && one.digest !== known)).toBe(true);
          return;
        }
        expect(heard.right).toHaveLength(count(known));
        expect(heard.right.length).toBeGreaterThan(0);
        expect([...heard.right, ...heard.wrong]).toHaveLength(all.length);
        for (const one of heard.wrong) expect(count(one.digest)).toBe(1);
      }),
    );
  });
});

describe("once three others say what is right", () => {
  const family = fc.array(
    fc.record({
      group: fc.constantFrom("a", "b", "c", "d", "e"),
      digest,
      purpose: fc.constantFrom("customer" as const, "canary" as const, "audit" as const),
      vote: fc.constantFrom("agreed" as const, "disagreed" as const, null),
    }),
    { maxLength: 8 },
  );
  test("each is heard by what it said, and nothing is heard twice", () => {
    fc.assert(
      fc.property(family, digest, (all: readonly SaidOf[], right) => {
        const changed = corrections(all, right, agrees);
        for (const one of all) {
          const vote = one.digest === right ? "agreed" : "disagreed";
          const of = changed.filter((other) => other.said === one);
          expect(of.map((other) => other.vote)).toEqual(one.vote === vote ? [] : [vote]);
        }
        const heard = all.map((one) => ({
          ...one,
          vote: changed.find((other) => other.said === one)?.vote ?? one.vote,
        }));
        expect(corrections(heard, right, agrees)).toEqual([]);
      }),
    );
  });
  test("who was right is suspected of nothing, and who was wrong as alone as it was", () => {
    fc.assert(
      fc.property(family, digest, (all: readonly SaidOf[], right) => {
        for (const { said: one, vote, suspicion } of corrections(all, right, agrees)) {
          expect(suspicion === null).toBe(vote === "agreed");
          if (suspicion === null || suspicion.kind === "vote") continue;
          const owners = new Set(all.filter((other) => other.digest === one.digest).map(({ group }) => group));
          expect(suspicion.alone).toBe(owners.size === 1);
          expect(suspicion.kind).toBe(one.purpose === "canary" ? "canary" : "audit");
        }
      }),
    );
  });
});

test("a result is verified again by so many that as many owners as it needs stand behind it, none of them caught; by three others where nobody is left", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.nat({ max: 6 }), (quorum, standing) => {
      const again = verifyAgain(quorum, standing);
      if (standing === 0) expect(again).toEqual({ kind: "recheck" });
      else if (again?.kind === "confirm") expect([again.copies + standing, again.copies > 0]).toEqual([quorum, true]);
      else expect([again, standing >= quorum]).toEqual([null, true]);
    }),
  );
});
