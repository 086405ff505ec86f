// How many batch jobs an account may have that are not decided: bounded, without counting them at every submit.
import { AppError } from "../../../domain/errors.ts";
import type { Db, Deps } from "../../deps.ts";
import { countUndecided } from "../../repos/batch-jobs.ts";

/** Of one account at a time. Several processes that are submitted to at once may let it pass by a part. */
export const MOST_UNDECIDED = 20_000;
const COUNT_AGAIN_MS = 10_000;
const MOST_REMEMBERED = 10_000;

interface Allowance {
  left: number;
  readonly untilMs: number;
}

/** Only a shortcut: what is forgotten is counted again. */
const allowances = new WeakMap<Db, Map<string, Allowance>>();

/**
 * Counts at most every ten seconds, and in between allows half of what was left: so a burst of thousands is not counted
 * through again with each of them.
 * @throws AppError `limit-reached`
 */
export async function refuseTooMany({ db, clock }: Pick<Deps, "db" | "clock">, account: string): Promise<void> {
  const known = allowances.get(db) ?? new Map<string, Allowance>();
  allowances.set(db, known);
  const nowMs = clock.now().getTime();
  const allowed = known.get(account);
  if (allowed && allowed.left > 0 && nowMs < allowed.untilMs) {
    allowed.left -= 1;
    return;
  }
  const left = MOST_UNDECIDED - (await countUndecided(db, account, MOST_UNDECIDED));
  if (known.size >= MOST_REMEMBERED) known.clear();
  known.set(account, { left: Math.floor((left - 1) / 2), untilMs: nowMs + COUNT_AGAIN_MS });
  if (left > 0) return;
  throw new AppError(
    "limit-reached",
    `An account has at most ${MOST_UNDECIDED} batch jobs that are not decided. Wait for some of yours, or cancel some.`,
  );
}
