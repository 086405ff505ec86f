// How much there is of everything, for the gauges.
import { sql } from "drizzle-orm";
import type { ExecutionStatus } from "../../domain/execution/state.ts";
import type { ReasonCode } from "../../domain/job/reasons.ts";
import type { Admission, Drain, Presence } from "../../domain/provider/state.ts";
import type { Db } from "../deps.ts";

type JobGroup = {
  status: ExecutionStatus;
  reason: ReasonCode | null;
  started: boolean;
  settled: boolean;
  count: number;
};

export function countJobGroups(db: Db): Promise<JobGroup[]> {
  return db.execute<JobGroup>(sql`
    select e.status, e.reason, e.started_at is not null as started, j.settled_at is not null as settled, count(*)::int as count
    from jobs j join executions e on e.id = j.execution_id group by 1, 2, 3, 4`);
}

type ProviderGroup = { admission: Admission; presence: Presence; drain: Drain; quarantined: boolean; count: number };

export function countProviderGroups(db: Db): Promise<ProviderGroup[]> {
  return db.execute<ProviderGroup>(
    sql`select p.admission, p.presence, p.drain, e.quarantined_at is not null as quarantined, count(*)::int as count
      from providers p left join provider_evidence e on e.provider_id = p.id group by 1, 2, 3, 4`,
  );
}

/** GPUs of admitted providers. Free ones count where they can be had: not while their provider drains, is in quarantine or away. */
export async function countGpus(db: Db): Promise<Record<"free" | "in_use" | "draining" | "unreachable", number>> {
  const [row] = await db.execute<Record<"free" | "in_use" | "draining" | "unreachable", number>>(sql`
    select coalesce(sum(free_gpus) filter (where available), 0)::int as free,
      coalesce(sum(in_use_gpus), 0)::int as in_use,
      coalesce(sum(free_gpus) filter (where not available and presence = 'online'), 0)::int as draining,
      coalesce(sum(free_gpus) filter (where not available and presence <> 'online'), 0)::int as unreachable
    from offers where admission = 'approved'`);
  return row ?? { free: 0, in_use: 0, draining: 0, unreachable: 0 };
}

/** Machines that wait for an operator, and since when the oldest does. */
export async function countPending(db: Db): Promise<{ count: number; oldest: Date | null }> {
  const [row] = await db.execute<{ count: number; oldest: string | null }>(
    sql`select count(*)::int as count, min(created_at) as oldest from providers where admission = 'pending'`,
  );
  return { count: row?.count ?? 0, oldest: row?.oldest ? new Date(row.oldest) : null };
}

/** Since when the longest overdue row of each kind waits for its reconcile; null where none is due. */
export async function oldestDue(db: Db, now: Date): Promise<Record<"execution" | "node", Date | null>> {
  const at = now.toISOString();
  const [row] = await db.execute<Record<"execution" | "node", string | null>>(sql`
    select (select min(next_reconcile_at) from executions where next_reconcile_at <= ${at}::timestamptz) as execution,
      (select min(next_reconcile_at) from provider_nodes where next_reconcile_at <= ${at}::timestamptz) as node`);
  const date = (text: string | null | undefined) => (text ? new Date(text) : null);
  return { execution: date(row?.execution), node: date(row?.node) };
}
