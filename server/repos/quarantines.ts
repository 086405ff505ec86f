// Machines in quarantine, and what is known of those that may be held back with them.
import { sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import type { Runtime } from "../../domain/provider/state.ts";
import type { Db, Tx } from "../deps.ts";
import { textArray } from "./arrays.ts";

export interface CaughtMachine {
  readonly id: ProviderId;
  readonly runtime: Runtime;
}

/** Removed ones too: the quarantine stays until an operator lifts it. */
export async function inQuarantine(db: Db | Tx): Promise<CaughtMachine[]> {
  return db.execute<CaughtMachine & Record<string, unknown>>(sql`
    select p.id, p.runtime from provider_evidence e join providers p on p.id = e.provider_id
    where e.quarantined_at is not null`);
}

/** Counts decay from `at` on; null where nothing was ever verified. */
export interface Standing {
  readonly id: ProviderId;
  readonly runtime: Runtime;
  readonly verified: number;
  readonly bad: number;
  readonly at: Date | null;
}

export async function standingsOf(db: Db | Tx, ids: readonly ProviderId[]): Promise<Standing[]> {
  const rows = await db.execute<Omit<Standing, "at"> & { at: string | null }>(sql`
    select p.id, p.runtime, coalesce(e.verified, 0) as verified, coalesce(e.bad, 0) as bad, e.at
    from providers p left join provider_evidence e on e.provider_id = p.id where p.id = any(${textArray(ids)})`);
  return rows.map((row) => ({ ...row, at: row.at === null ? null : new Date(row.at) }));
}
