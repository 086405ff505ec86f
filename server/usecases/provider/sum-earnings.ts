// Sums what machines earned by day, a while behind the ledger, so that reading it stays short however long it lasted.
import type { Deps } from "../../deps.ts";
import { sumEarnings } from "../../repos/earnings.ts";

/** Longer than any transaction of ours that books is open. */
const BEHIND_MS = 600_000;
const ENTRIES_AT_ONCE = 20_000;

/** Goes on until nothing is left; several at once wait for each other. @returns how many entries were gone over */
export async function sumBookedEarnings({ db, clock }: Pick<Deps, "db" | "clock">): Promise<number> {
  const before = new Date(clock.now().getTime() - BEHIND_MS);
  for (let all = 0; ; ) {
    const entries = await db.transaction((tx) => sumEarnings(tx, before, ENTRIES_AT_ONCE));
    if (entries === 0) return all;
    all += entries;
  }
}
