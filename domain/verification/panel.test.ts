// Who runs the next copies of a job.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ProviderId } from "../ids.ts";
import { PANEL_CLASSES } from "../job/batch.ts";
import { isProven, NO_EVIDENCE, weightOf } from "./evidence.ts";
import { type Candidate, drawPanel, type PanelWish } from "./panel.ts";
import { seeded } from "./testing.ts";

const PROVEN = { verified: 100, bad: 0 };
const candidate = (name: string, over: Partial<Candidate> = {}): Candidate => ({
  ...{ providerId: `prov_${name}` as const, group: name, panelClass: "process", evidence: PROVEN },
  ...{ quarantined: false, room: 1 },
  ...over,
});
const wish = (copies: number, over: Partial<PanelWish> = {}): PanelWish => ({
  ...{ copies, excludedGroups: new Set<string>(), unproven: 0, panelClass: null, tied: false },
  ...over,
});

const someCandidates = fc.array(
  fc.record({
    providerId: fc.nat(1000).map((n): ProviderId => `prov_${n}`),
    group: fc.nat(8).map((n) => `group ${n}`),
    panelClass: fc.constantFrom(...PANEL_CLASSES),
    evidence: fc.constantFrom(NO_EVIDENCE, { verified: 19, bad: 0 }, { verified: 20, bad: 0 }, PROVEN),
    quarantined: fc.boolean(),
    room: fc.nat(3),
  }),
  { maxLength: 25 },
);
const someWish = fc.record({
  copies: fc.integer({ min: 0, max: 7 }),
  excludedGroups: fc
    .array(
      fc.nat(8).map((n) => `group ${n}`),
      { maxLength: 3 },
    )
    .map((groups) => new Set(groups)),
  unproven: fc.nat(2),
  panelClass: fc.constantFrom(null, ...PANEL_CLASSES),
  tied: fc.boolean(),
});
const seed = fc.nat();
const drawable = (all: readonly Candidate[], { excludedGroups }: PanelWish) =>
  all.filter((one) => !one.quarantined && one.room > 0 && !excludedGroups.has(one.group));
const groupsOf = (all: readonly Candidate[]) => new Set(all.map(({ group }) => group));

describe("a panel", () => {
  test("never has two executions of one owner group, an excluded one, a quarantined one or one without room", () => {
    fc.assert(
      fc.property(someCandidates, someWish, seed, (all, asked, n) => {
        const drawn = drawPanel(all, asked, seeded(n));
        expect(groupsOf(drawn).size).toBe(drawn.length);
        for (const one of drawn) expect(drawable(all, asked)).toContain(one);
      }),
    );
  });
  test("is of one class: the one asked for, or the one with the most distinct owners", () => {
    fc.assert(
      fc.property(someCandidates, someWish, seed, (all, asked, n) => {
        const drawn = drawPanel(all, asked, seeded(n));
        const free = drawable(all, asked);
        const owners = (panelClass: string) => groupsOf(free.filter((one) => one.panelClass === panelClass)).size;
        for (const one of drawn) {
          if (asked.panelClass) expect(one.panelClass).toBe(asked.panelClass);
          else expect(owners(one.panelClass)).toBe(Math.max(...PANEL_CLASSES.map(owners)));
          expect(one.panelClass).toBe(drawn[0]?.panelClass);
        }
      }),
    );
    const two = [candidate("a", { panelClass: "external" }), candidate("b"), candidate("c", { panelClass: "image" })];
    expect(drawPanel(two, wish(3), seeded(1)).map(({ group }) => group)).toEqual(["c"]);
  });
  test("has as many as were asked for, or as there are free owners", () => {
    fc.assert(
      fc.property(someCandidates, someWish, seed, (all, asked, n) => {
        const panelClass = asked.panelClass ?? drawPanel(all, asked, seeded(n))[0]?.panelClass;
        const free = drawable(all, asked).filter((one) => one.panelClass === panelClass);
        expect(drawPanel(all, asked, seeded(n))).toHaveLength(Math.min(asked.copies, groupsOf(free).size));
      }),
    );
  });
  test("has at most one unproven provider over the whole panel, where proven owners are enough", () => {
    fc.assert(
      fc.property(someCandidates, someWish, seed, (all, asked, n) => {
        const drawn = drawPanel(all, asked, seeded(n));
        const free = drawable(all, asked).filter((one) => one.panelClass === drawn[0]?.panelClass);
        const proven = groupsOf(free.filter((one) => isProven(one.evidence)));
        const unproven = drawn.filter((one) => !isProven(one.evidence)).length;
        // No fewer could have been had, but for the one that is always allowed.
        const allowed = asked.unproven === 0 ? 1 : 0;
        expect(unproven).toBeLessThanOrEqual(Math.max(allowed, drawn.length - proven.size));
      }),
      { numRuns: 500 },
    );
  });
  test("takes the proven machine of an owner where his newcomer would leave it to two newcomers", () => {
    const all = [
      candidate("a1", { group: "a", room: 1 }),
      candidate("a2", { group: "a", evidence: NO_EVIDENCE, room: 1_000_000 }),
      candidate("b", { evidence: NO_EVIDENCE }),
    ];
    for (let n = 0; n < 50; n++)
      expect(drawPanel(all, wish(2), seeded(n)).map(({ providerId }) => providerId)).toEqual(["prov_a1", "prov_b"]);
  });
  test("of newcomers alone is allowed where nobody is proven", () => {
    const all = ["a", "b", "c"].map((name) => candidate(name, { evidence: NO_EVIDENCE }));
    expect(drawPanel(all, wish(2), seeded(1))).toHaveLength(2);
    expect(drawPanel(all, wish(1, { unproven: 2 }), seeded(1))).toHaveLength(1);
  });
  test("that stands equal goes to whoever has the most evidence, proven ones first", () => {
    fc.assert(
      fc.property(someCandidates, someWish, seed, (all, asked, n) => {
        const [first] = drawPanel(all, { ...asked, copies: 1, unproven: 1, tied: true }, seeded(n));
        const free = drawable(all, asked).filter((one) => one.panelClass === first?.panelClass);
        const most = Math.max(...free.map(({ evidence }) => weightOf(evidence)));
        if (first) expect(weightOf(first.evidence)).toBe(most);
      }),
    );
    const beyond = [
      candidate("a", { evidence: { verified: 200, bad: 0 } }),
      candidate("b", { evidence: { verified: 900, bad: 0 } }),
    ];
    for (let n = 0; n < 20; n++) expect(drawPanel(beyond, wish(1, { tied: true }), seeded(n))[0]?.group).toBe("b");
  });
});

describe("chance", () => {
  test("draws the same panel from the same numbers", () => {
    fc.assert(
      fc.property(someCandidates, someWish, seed, (all, asked, n) => {
        expect(drawPanel(all, asked, seeded(n))).toEqual(drawPanel(all, asked, seeded(n)));
      }),
    );
  });
  test("is in proportion to room, and never to how good a provider is", () => {
    const all = [
      candidate("a", { room: 1, evidence: { verified: 10_000, bad: 0 } }),
      candidate("b", { room: 3, evidence: { verified: 20, bad: 3 } }),
      candidate("c", { room: 6 }),
    ];
    const random = seeded(7);
    const wins = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < 20_000; i++) {
      const group = drawPanel(all, wish(1), random)[0]?.group;
      if (group === "a" || group === "b" || group === "c") wins[group] += 1;
    }
    expect(wins.a / 20_000).toBeCloseTo(0.1, 1.5);
    expect(wins.b / 20_000).toBeCloseTo(0.3, 1.5);
    expect(wins.c / 20_000).toBeCloseTo(0.6, 1.5);
  });
});
