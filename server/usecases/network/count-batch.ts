// How many batch jobs there are by status, without counting the same rows again and again.
import { BATCH_STATUSES, type BatchStatus } from "../../../domain/job/batch.ts";
import type { Db, Deps } from "../../deps.ts";
import { type BatchCounts, countDecided, countUndecided } from "../../repos/network.ts";

/** No transaction is expected to take longer: a verdict may become visible after a younger one. */
const SETTLED_AFTER_MS = 60_000;
/** A count that remembers is moved on this often, so that what it counts again stays small. */
const MOVE_EVERY_MS = 60_000;

/** One a process and database. */
const counters = new WeakMap<Db, () => Promise<BatchCounts>>();

/** Customers' batch jobs by status, of the whole broker since its first day. */
export function countBatchJobs({ db, clock }: Pick<Deps, "db" | "clock">): Promise<BatchCounts> {
  const counter = counters.get(db) ?? batchCounter(db, clock);
  counters.set(db, counter);
  return counter();
}

/**
 * A counter that remembers what was decided: what ended is final, so a look reads the jobs without a verdict and the
 * verdicts of the last two minutes. A look that fails changes nothing.
 */
export function batchCounter(db: Db, clock: Deps["clock"]): () => Promise<BatchCounts> {
  let settled: { readonly at: Date | null; readonly counts: BatchCounts } = { at: null, counts: {} };

  return async () => {
    const upTo = new Date(clock.now().getTime() - SETTLED_AFTER_MS);
    const known = settled;
    if (known.at === null || upTo.getTime() - known.at.getTime() >= MOVE_EVERY_MS) {
      const since = await countDecided(db, { after: known.at, upTo });
      if (settled === known) settled = { at: upTo, counts: sum(known.counts, since) }; // else a twin moved it
    }
    const { at, counts } = settled;
    return sum(counts, sum(await countDecided(db, { after: at, upTo: FAR }), await countUndecided(db)));
  };
}

/** Clocks of other processes may be a little ahead. */
const FAR = new Date("9999-12-31T00:00:00Z");

function sum(a: BatchCounts, b: BatchCounts): BatchCounts {
  const total: Partial<Record<BatchStatus, number>> = { ...a };
  for (const status of BATCH_STATUSES) if (b[status]) total[status] = (total[status] ?? 0) + (b[status] ?? 0);
  return total;
}
