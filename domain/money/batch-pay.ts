// Who is paid for a batch job, how much, and by whom.
import type { ExecutionId } from "../ids.ts";
import { RULES } from "../verification/constants.ts";

export interface Run {
  readonly id: ExecutionId;
  readonly number: number;
  /** micro-USD per hour */
  readonly rate: bigint;
  /** whole milliseconds that it ran, as metered; null where it never began */
  readonly runMs: number | null;
  /** agreed, disagreed, cancelled by us before it delivered, failed alike with others (the job's fault), or nothing */
  readonly role: "agreed" | "disagreed" | "cancelled" | "job-error" | "nondeterministic" | "unpaid";
}

export interface Payment {
  readonly id: ExecutionId;
  /** micro-USD, before the fee */
  readonly amount: bigint;
  readonly by: "customer" | "verification";
}

/**
 * Hold of a batch job: rate × timeout × redundancy, micro-USD. Rounded down, as payments are, so that what `redundancy`
 * executions may cost never exceeds it.
 */
export function batchHold(rate: bigint, timeoutSeconds: number, redundancy: number): bigint {
  return (rate * BigInt(timeoutSeconds) * BigInt(redundancy)) / 3600n;
}

/**
 * Pays by DESIGN §11: agreeing runs, at most 1.5 × the median time of those that agree; cancelled ones up to the cancel;
 * all that ran where the job was to blame. Each begun second counts, up to the timeout: beyond it nothing may run, whatever
 * a machine says it did with the time it had to start in. Executions beyond `redundancy`, by the number they were given out
 * with, are paid by `verification`, and so is a payment that does not fit into what is left of the hold.
 * @param job.held micro-USD that the customer set aside
 * @returns by number; no payment of 0
 */
export function payBatch(
  runs: readonly Run[],
  job: { readonly redundancy: number; readonly held: bigint; readonly timeoutSeconds: number },
): readonly Payment[] {
  const within = runs.map(({ runMs, ...run }) => {
    return { ...run, runMs: runMs === null ? null : Math.min(runMs, job.timeoutSeconds * 1000) };
  });
  const mostMs = median(within.flatMap(({ role, runMs }) => (role === "agreed" && runMs !== null ? [runMs] : [])));
  let left = job.held;
  const payments: Payment[] = [];
  for (const { id, number, rate, runMs, role } of within.sort((a, b) => a.number - b.number)) {
    if (runMs === null || role === "disagreed" || role === "unpaid") continue;
    const paidMs = role === "agreed" ? Math.min(runMs, mostMs * RULES.paidMedians) : runMs;
    const amount = (rate * BigInt(begunSeconds(paidMs))) / 3600n;
    if (amount <= 0n) continue;
    const by = number <= job.redundancy && amount <= left ? "customer" : "verification";
    if (by === "customer") left -= amount;
    payments.push({ id, amount, by });
  }
  return payments;
}

/** What ran less than a millisecond has begun its first second all the same. */
function begunSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

/** The middle one, or the mean of the two in the middle; 0 of none. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low = 0, high = low] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return (low + high) / 2;
}
