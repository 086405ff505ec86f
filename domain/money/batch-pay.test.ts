// Who is paid for a batch job, how much, and by whom.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchHold, payBatch, type Run } from "./batch-pay.ts";

const RATE = 3_600_000_000n; // 1 USD a second
const run = (number: number, over: Partial<Run> = {}): Run => ({
  ...{ id: `exec_${number}` as const, number, rate: RATE, runMs: 1000, role: "agreed" },
  ...over,
});
const DOLLAR = 1_000_000n;
const job = { redundancy: 3, held: 1000n * DOLLAR, timeoutSeconds: 300 };
const dollars = (runs: readonly Run[], of = job) =>
  Object.fromEntries(payBatch(runs, of).map(({ id, amount, by }) => [id, `${Number(amount) / 1e6} ${by}`]));

const ROLES = ["agreed", "disagreed", "cancelled", "job-error", "nondeterministic", "unpaid"] as const;
const someRuns = fc
  .array(
    fc.record({
      rate: fc.bigInt(0n, 10n ** 10n),
      runMs: fc.option(fc.nat(86_400_000)),
      role: fc.constantFrom(...ROLES),
    }),
    { maxLength: 7 },
  )
  .map((runs) => runs.map((each, i): Run => ({ ...each, id: `exec_${i}`, number: i + 1 })));
const someJob = fc.record({
  redundancy: fc.integer({ min: 1, max: 7 }),
  held: fc.bigInt(0n, 10n ** 12n),
  timeoutSeconds: fc.integer({ min: 1, max: 86_400 }),
});
const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);

describe("a run", () => {
  test("is paid by its begun seconds at its own rate, where it agreed, was cancelled or the job was to blame", () => {
    expect(dollars([run(1, { runMs: 1001 }), run(2, { runMs: 1 }), run(3, { runMs: 0 })])).toEqual({
      ...{ exec_1: "1 customer", exec_2: "1 customer", exec_3: "1 customer" },
    });
    for (const role of ["cancelled", "job-error", "nondeterministic"] as const)
      expect(dollars([run(1, { role, runMs: 4001, rate: 2n * RATE })])).toEqual({ exec_1: "10 customer" });
  });
  test("is paid nothing where it disagreed, failed or never began", () => {
    expect(dollars([run(1, { role: "disagreed" }), run(2, { role: "unpaid" }), run(3, { runMs: null })])).toEqual({});
  });
  test("that agrees is paid at most 1.5 medians of those that agree", () => {
    const slow = [run(1, { runMs: 10_000 }), run(2, { runMs: 10_000 }), run(3, { runMs: 60_000 })];
    expect(dollars(slow)).toEqual({ exec_1: "10 customer", exec_2: "10 customer", exec_3: "15 customer" });
    // Others' times do not count, and two have their mean as median.
    const two = [run(1, { runMs: 10_000 }), run(2, { runMs: 30_000 }), run(3, { runMs: 1, role: "disagreed" })];
    expect(dollars(two)).toEqual({ exec_1: "10 customer", exec_2: "30 customer" });
    expect(dollars([run(1, { runMs: 10_000 }), run(2, { runMs: 90_000 })])).toMatchObject({ exec_2: "75 customer" });
  });
  test("is paid for no longer than the job may run, and nobody else's time is worth more for it", () => {
    const limit = { ...job, timeoutSeconds: 20 };
    const long = [run(1, { runMs: 20_000 }), run(2, { runMs: 86_400_000 }), run(3, { runMs: 86_400_000 })];
    expect(dollars(long, limit)).toEqual({ exec_1: "20 customer", exec_2: "20 customer", exec_3: "20 customer" });
    for (const role of ["cancelled", "job-error", "nondeterministic"] as const)
      expect(dollars([run(1, { role, runMs: 20_001 })], limit)).toEqual({ exec_1: "20 customer" });
  });
  test("beyond redundancy, and what does not fit into the hold, is paid by verification", () => {
    const four = [1, 2, 3, 4].map((number) => run(number, { runMs: 2000 }));
    expect(dollars(four)).toMatchObject({ exec_3: "2 customer", exec_4: "2 verification" });
    expect(dollars(four, { ...job, held: 5n * DOLLAR })).toEqual({
      ...{ exec_1: "2 customer", exec_2: "2 customer", exec_3: "2 verification", exec_4: "2 verification" },
    });
  });
});

describe("over random panels", () => {
  test("the customer never pays more than the hold, nor for an execution beyond redundancy", () => {
    fc.assert(
      fc.property(someRuns, someJob, (runs, of) => {
        const payments = payBatch(runs, of).filter(({ by }) => by === "customer");
        expect(sum(payments.map(({ amount }) => amount)) <= of.held).toBe(true);
        for (const { id } of payments)
          expect(runs.find((each) => each.id === id)?.number).toBeLessThanOrEqual(of.redundancy);
      }),
    );
  });
  test("who pays never changes what is paid, and each is paid at most once, for at most the time it ran and might run", () => {
    fc.assert(
      fc.property(someRuns, someJob, (runs, of) => {
        const payments = payBatch(runs, of);
        const amounts = (all: typeof payments) => all.map(({ id, amount }) => [id, amount]);
        expect(amounts(payBatch(runs, { ...of, redundancy: 1, held: 0n }))).toEqual(amounts(payments));
        expect(new Set(payments.map(({ id }) => id)).size).toBe(payments.length);
        for (const { id, amount } of payments) {
          const { rate, runMs } = runs.find((each) => each.id === id)!;
          const most = Math.min(of.timeoutSeconds, Math.max(1, Math.ceil(runMs! / 1000)));
          expect(amount > 0n && amount * 3600n <= rate * BigInt(most)).toBe(true);
        }
      }),
    );
  });
  test("the order of the rows changes nothing", () => {
    fc.assert(
      fc.property(someRuns, someJob, (runs, of) => {
        expect(payBatch([...runs].reverse(), of)).toEqual(payBatch(runs, of));
      }),
    );
  });
  test("a hold covers every panel of its redundancy that keeps to its rate, whatever it says it took", () => {
    fc.assert(
      fc.property(
        someRuns,
        fc.bigInt(0n, 10n ** 10n),
        fc.integer({ min: 1, max: 86_400 }),
        fc.integer({ min: 1, max: 7 }),
        (runs, rate, timeout, redundancy) => {
          const kept = runs.map((each) => ({ ...each, rate: each.rate % (rate + 1n) }));
          const held = batchHold(rate, timeout, redundancy);
          const payments = payBatch(kept, { redundancy, held, timeoutSeconds: timeout });
          for (const { id, by } of payments)
            expect(by).toBe(kept.find((each) => each.id === id)!.number <= redundancy ? "customer" : "verification");
        },
      ),
    );
    expect(batchHold(RATE, 300, 3)).toBe(900n * DOLLAR);
  });
});
