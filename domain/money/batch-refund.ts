// What a customer gets back of a batch job whose result was taken back, and who bears it.
import type { ExecutionId } from "../ids.ts";
import type { Entry, Funds } from "./posting.ts";
import { add, EMPTY_PURSE, type Purse, subtract, take, total } from "./purse.ts";

/** A run that the customer paid for. */
export interface PaidRun {
  readonly id: ExecutionId;
  /** of its machine */
  readonly owner: string;
  /** micro-USD, before the fee */
  readonly amount: bigint;
  /** whether its machine was caught or proved wrong: what it earned with this is taken from it */
  readonly caught: boolean;
}

export interface Refund {
  readonly purse: Purse;
  readonly entries: readonly Entry[];
}

const FUNDS = ["cash", "promotion"] as const satisfies readonly Funds[];

/**
 * Gives back what the customer paid for runs, in the funds that it was paid with: charges took promotion first, in this
 * order. The fee that was taken goes back with it, whatever the fee is now; the machine's part comes out of what its owner
 * has earned and not been paid out where it was caught, and out of `verification` as far as that is not enough, and for the
 * others.
 * @param runs all that the customer paid for, in the order in which they were charged
 * @param back of these, those that are given back
 * @param charged the entries with which they were charged: what each owner and the platform got
 * @param earned what an owner has in `earned` now
 * @throws Error where the entries do not charge exactly these runs
 */
export function refundBatch(
  customer: string,
  runs: readonly PaidRun[],
  back: ReadonlySet<ExecutionId>,
  charged: readonly Entry[],
  earned: ReadonlyMap<string, Purse>,
): Refund {
  const left = new Map(earned);
  const entries = new Map<string, Entry>();
  const move = (line: Entry) => {
    const key = `${line.book} ${line.owner} ${line.funds}`;
    entries.set(key, { ...line, amount: (entries.get(key)?.amount ?? 0n) + line.amount });
  };
  let purse = EMPTY_PURSE;
  for (const { run, paid, got } of partsOf(runs, charged)) {
    if (!back.has(run.id)) continue;
    for (const funds of FUNDS) {
      const share = got[funds];
      const has = left.get(run.owner) ?? EMPTY_PURSE;
      const there = run.caught && has[funds] > 0n ? has[funds] : 0n;
      const from = there < share ? there : share;
      left.set(run.owner, { ...has, [funds]: has[funds] - from });
      move({ book: "available", owner: customer, funds, amount: paid[funds] });
      move({ book: "platform", owner: "fees", funds, amount: share - paid[funds] });
      move({ book: "earned", owner: run.owner, funds, amount: -from });
      move({ book: "platform", owner: "verification", funds, amount: from - share });
    }
    purse = add(purse, paid);
  }
  return { purse, entries: [...entries.values()].filter(({ amount }) => amount !== 0n) };
}

interface Part {
  readonly run: PaidRun;
  /** what it took from the customer */
  readonly paid: Purse;
  /** what its machine's owner got of that; the platform got the rest */
  readonly got: Purse;
}

/**
 * What each run took, and who got it. An owner's entry is for all of its runs together: it is cut by what they cost, so that
 * the parts of any of them sum to the whole.
 */
function partsOf(runs: readonly PaidRun[], charged: readonly Entry[]): readonly Part[] {
  const sums = new Map<string, bigint>();
  for (const { book, owner, funds, amount } of charged) {
    const key = book === "held" ? `held ${funds}` : `${book} ${owner} ${funds}`;
    sums.set(key, (sums.get(key) ?? 0n) + amount);
  }
  const taken: Purse = { cash: -(sums.get("held cash") ?? 0n), promotion: -(sums.get("held promotion") ?? 0n) };
  let booked = EMPTY_PURSE;
  const all = new Map<string, Purse>();
  const cut = runs.map((run) => {
    const paid = take(subtract(taken, booked), run.amount);
    if (!paid) throw new Error(`${run.id} cost more than was taken for its job`);
    booked = add(booked, paid);
    const before = all.get(run.owner) ?? EMPTY_PURSE;
    all.set(run.owner, add(before, paid));
    return { run, paid, before };
  });
  if (total(booked) !== total(taken)) throw new Error("more was taken for a job than its runs cost");
  return cut.map(({ run, paid, before }) => {
    const of = (funds: Funds) => {
      const cost = all.get(run.owner)?.[funds] ?? 0n;
      const share = sums.get(`earned ${run.owner} ${funds}`) ?? 0n;
      if (cost === 0n) return 0n;
      return (share * (before[funds] + paid[funds])) / cost - (share * before[funds]) / cost;
    };
    return { run, paid, got: { cash: of("cash"), promotion: of("promotion") } };
  });
}
