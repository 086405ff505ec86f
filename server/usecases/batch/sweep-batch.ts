// The periodic catch-up of batch jobs: timeouts, silent providers, hedges, queues that took too long, rings that were lost.
import type { Deps } from "../../deps.ts";

export type SweepBatchDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "settings" | "log">;

/** @returns corrections by kind */
export async function sweepBatch(
  _deps: SweepBatchDeps,
): Promise<{ readonly timedOut: number; readonly lost: number; readonly hedged: number; readonly unresolved: number }> {
  return { timedOut: 0, lost: 0, hedged: 0, unresolved: 0 };
}
