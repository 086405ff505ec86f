// Keeps the newest usage of every provider that was heard, once a minute.
import type { Deps } from "../../deps.ts";
import { copyUsage } from "../../repos/samples.ts";

const MINUTE_MS = 60_000;

/** Safe to run in several workers, and as often as one likes: a minute is written once. @returns how many were written */
export async function recordSamples({ db, clock }: Pick<Deps, "db" | "clock">): Promise<number> {
  const now = clock.now().getTime();
  return copyUsage(db, new Date(now - (now % MINUTE_MS)), new Date(now - MINUTE_MS));
}
