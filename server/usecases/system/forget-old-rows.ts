// Rows that no rule reads any more are deleted; the ledger and the events never are.
import { LOG_DAYS } from "../../../domain/job/log-tail.ts";
import type { Deps } from "../../deps.ts";
import { deleteOldRows } from "../../repos/chores.ts";

const HOUR_MS = 3_600_000;

export async function forgetOldRows({ db, clock }: Pick<Deps, "db" | "clock">): Promise<void> {
  const now = clock.now().getTime();
  const ago = (hours: number) => new Date(now - hours * HOUR_MS);
  await deleteOldRows(db, {
    nonces: ago(1),
    sessions: ago(24),
    portGrants: ago(1),
    idempotency: ago(72),
    workers: ago(1),
    samples: ago(168),
    logs: ago(LOG_DAYS * 24),
  });
}
