import fc from "fast-check";
import { expect, test } from "vitest";
import type { ExecutionId } from "../ids.ts";
import { type PaidRun, refundBatch } from "./batch-refund.ts";
import { chargeEntries, type Entry, isBalanced } from "./posting.ts";
import { add, EMPTY_PURSE, type Purse, subtract, take, total } from "./purse.ts";

const CUSTOMER = "0xc";
const exec = (n: number): ExecutionId => `exec_${n}`;

const amount = fc.bigInt({ min: 0n, max: 5_000_000n });
const anyPurse = fc.record({ cash: amount, promotion: amount });
const anyRuns = fc
  .array(fc.record({ amount: fc.bigInt({ min: 1n, max: 2_000_000n }), caught: fc.boolean(), back: fc.boolean() }), {
    minLength: 1,
    maxLength: 7,
  })
  .chain((all) =>
    // Nobody in particular may own several machines of a panel, in a demo.
    fc
      .integer({ min: 1, max: 7 })
      .map((owners) => all.map((one, n) => ({ ...one, id: exec(n), owner: `0x${n % owners}` }))),
  );
const anyFee = fc.integer({ min: 0, max: 3_000 });

/** Charged as a verdict charges them: promotion first. */
function charged(runs: readonly PaidRun[], promotion: bigint, feeBps: number) {
  const cost = runs.reduce((sum, run) => sum + run.amount, 0n);
  const held: Purse = { promotion, cash: cost > promotion ? cost - promotion : 0n };
  let taken = EMPTY_PURSE;
  const entries: Entry[] = [];
  for (const { owner, amount: due } of runs) {
    const purse = take(subtract(held, taken), due) ?? EMPTY_PURSE;
    entries.push(...chargeEntries(CUSTOMER, owner, purse, taken, feeBps));
    taken = add(taken, purse);
  }
  return { taken, entries };
}

const sum = (entries: readonly Entry[], book: Entry["book"], owner: string, funds: Entry["funds"]) =>
  entries
    .filter((e) => e.book === book && e.owner === owner && e.funds === funds)
    .reduce((all, e) => all + e.amount, 0n);

test("a refund balances, gives back what was paid in the funds it was paid with, and takes no more than an owner has", () => {
  fc.assert(
    fc.property(
      anyRuns,
      amount,
      anyFee,
      fc.array(anyPurse, { minLength: 7, maxLength: 7 }),
      (runs, promo, fee, has) => {
        const { taken, entries: charge } = charged(runs, promo, fee);
        const back = new Set(runs.flatMap((run) => (run.back ? run.id : [])));
        const earned = new Map(runs.map(({ owner }, n) => [owner, has[n] ?? EMPTY_PURSE]));
        const { purse, entries } = refundBatch(CUSTOMER, runs, back, charge, earned);
        expect(isBalanced(entries)).toBe(true);
        expect(total(purse)).toBe(runs.reduce((all, run) => all + (run.back ? run.amount : 0n), 0n));
        for (const funds of ["cash", "promotion"] as const) {
          expect(sum(entries, "available", CUSTOMER, funds)).toBe(purse[funds]);
          expect(purse[funds]).toBeLessThanOrEqual(taken[funds]);
          for (const { owner, caught } of runs) {
            const lost = -sum(entries, "earned", owner, funds);
            const any = caught || runs.some((run) => run.owner === owner && run.caught);
            expect(lost).toBeGreaterThanOrEqual(0n);
            expect(lost).toBeLessThanOrEqual(any ? (earned.get(owner)?.[funds] ?? 0n) : 0n);
          }
          expect(sum(entries, "platform", "verification", funds)).toBeLessThanOrEqual(0n);
        }
      },
    ),
  );
});

test("where all are caught and nothing was paid out yet, a refund is the charge the other way round", () => {
  fc.assert(
    fc.property(anyRuns, amount, anyFee, (some, promo, fee) => {
      const runs = some.map((run) => ({ ...run, caught: true }));
      const { taken, entries: charge } = charged(runs, promo, fee);
      const earned = new Map(
        runs.map(({ owner }) => [
          owner,
          { cash: sum(charge, "earned", owner, "cash"), promotion: sum(charge, "earned", owner, "promotion") },
        ]),
      );
      const { purse, entries } = refundBatch(CUSTOMER, runs, new Set(runs.map(({ id }) => id)), charge, earned);
      expect(purse).toEqual(taken);
      for (const funds of ["cash", "promotion"] as const) {
        for (const { owner } of runs)
          expect(sum(entries, "earned", owner, funds)).toBe(-sum(charge, "earned", owner, funds));
        expect(sum(entries, "platform", "fees", funds)).toBe(-sum(charge, "platform", "fees", funds));
        expect(sum(entries, "platform", "verification", funds)).toBe(0n);
      }
    }),
  );
});

test("what is kept and what is given back are what was paid, for everybody and whatever the fee was when it was charged", () => {
  fc.assert(
    fc.property(anyRuns, amount, fc.integer({ min: 0, max: 10_000 }), (some, promo, fee) => {
      const runs = some.map((run) => ({ ...run, caught: true }));
      const { taken, entries: charge } = charged(runs, promo, fee);
      const got = (owner: string) => ({
        cash: sum(charge, "earned", owner, "cash"),
        promotion: sum(charge, "earned", owner, "promotion"),
      });
      const owners = [...new Set(runs.map(({ owner }) => owner))];
      const earned = new Map(owners.map((owner) => [owner, got(owner)]));
      const refundOf = (ids: readonly ExecutionId[]) => refundBatch(CUSTOMER, runs, new Set(ids), charge, earned);
      const given = refundOf(runs.flatMap((run) => (run.back ? run.id : [])));
      const kept = refundOf(runs.flatMap((run) => (run.back ? [] : run.id)));
      expect(add(given.purse, kept.purse)).toEqual(taken);
      const both = [...given.entries, ...kept.entries];
      for (const funds of ["cash", "promotion"] as const) {
        for (const owner of owners) expect(-sum(both, "earned", owner, funds)).toBe(got(owner)[funds]);
        const fees = sum(charge, "platform", "fees", funds);
        expect(-sum(both, "platform", "fees", funds)).toBe(fees);
        for (const { entries } of [given, kept]) {
          expect(sum(entries, "platform", "fees", funds)).toBeLessThanOrEqual(0n);
          expect(sum(entries, "platform", "verification", funds)).toBe(0n);
        }
      }
    }),
  );
});

test("runs that are not those which were charged are refused", () => {
  const runs = [{ id: exec(1), owner: "0x1", amount: 1_000n, caught: true }];
  const { entries } = charged(runs, 0n, 1_000);
  const [run] = runs;
  if (!run) throw new Error("there is one");
  for (const amount of [999n, 1_001n])
    expect(() => refundBatch(CUSTOMER, [{ ...run, amount }], new Set(), entries, new Map())).toThrow(/taken/);
});

test("what a caught machine does not have any more, and what others earned, is borne by verification", () => {
  const runs = [
    { id: exec(1), owner: "0x1", amount: 1_000n, caught: true },
    { id: exec(2), owner: "0x2", amount: 1_000n, caught: false },
  ];
  const earned = new Map([
    ["0x1", { cash: 400n, promotion: 0n }],
    ["0x2", { cash: 5_000n, promotion: 0n }],
  ]);
  const both = new Set([exec(1), exec(2)]);
  const { entries } = refundBatch(CUSTOMER, runs, both, charged(runs, 0n, 1_000).entries, earned);
  expect(sum(entries, "earned", "0x1", "cash")).toBe(-400n);
  expect(sum(entries, "earned", "0x2", "cash")).toBe(0n);
  expect(sum(entries, "platform", "fees", "cash")).toBe(-200n);
  expect(sum(entries, "platform", "verification", "cash")).toBe(-1_400n);
});

test("whoever was paid out more than it has left gives nothing and is given nothing: verification bears all of it", () => {
  const runs = [{ id: exec(1), owner: "0x1", amount: 1_000n, caught: true }];
  const earned = new Map([["0x1", { cash: -500n, promotion: 0n }]]);
  const { entries } = refundBatch(CUSTOMER, runs, new Set([exec(1)]), charged(runs, 0n, 1_000).entries, earned);
  expect(sum(entries, "earned", "0x1", "cash")).toBe(0n);
  expect(sum(entries, "platform", "verification", "cash")).toBe(-900n);
});
