// Who is paid for a batch job, how much, and by whom.
import type { ExecutionId } from "../ids.ts";

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

/** Hold of a batch job: rate × timeout × redundancy, micro-USD. */
export function batchHold(_rate: bigint, _timeoutSeconds: number, _redundancy: number): bigint {
  throw new Error("UNBUILT");
}

/**
 * Pays by DESIGN §11: agreeing runs, at most 1.5 × the median time of those that agree; cancelled ones up to the cancel;
 * all that ran where the job was to blame. Each begun second counts. Executions beyond `redundancy`, by the number they
 * were given out with, are paid by `verification`, and so is what would exceed the hold.
 * @param held micro-USD that the customer set aside
 */
export function payBatch(
  _runs: readonly Run[],
  _job: { readonly redundancy: number; readonly held: bigint },
): readonly Payment[] {
  throw new Error("UNBUILT");
}
