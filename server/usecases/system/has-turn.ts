// Work that is enough done once by all workers together. It goes round: one that cannot do it keeps nobody else from it.
import type { Deps } from "../../deps.ts";
import { workersSeenSince } from "../../repos/system.ts";

/** Three stamps: a worker that missed as many is not waited for. */
const SEEN_WITHIN_MS = 15_000;

/**
 * Whose turn it is in the round of `everyMs` that `now` is in, by the names of those who live. Exactly one has it.
 * @param workers not empty, in any order
 */
export function turnOf(workers: readonly string[], now: Date, everyMs: number): string | undefined {
  const names = [...new Set(workers)].toSorted();
  return names[Math.floor(now.getTime() / everyMs) % names.length];
}

/** A saving, not a lock: in the seconds in which workers come and go, two may have a turn, or none. */
export async function hasTurn(
  { db, clock }: Pick<Deps, "db" | "clock">,
  workerName: string,
  everyMs: number,
): Promise<boolean> {
  const now = clock.now();
  const seen = await workersSeenSince(db, new Date(now.getTime() - SEEN_WITHIN_MS));
  return turnOf([...seen, workerName], now, everyMs) === workerName;
}
