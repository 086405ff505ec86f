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

type ProviderGroup = { admission: Admission; presence: Presence; drain: Drain; count: number };

export function countProviderGroups(db: Db): Promise<ProviderGroup[]> {
  return db.execute<ProviderGroup>(
    sql`select admission, presence, drain, count(*)::int as count from providers group by 1, 2, 3`,
  );
}

export async function countGpus(db: Db): Promise<{ free: number; in_use: number; unreachable: number }> {
  const [row] = await db.execute<{ free: number; in_use: number; unreachable: number }>(sql`
    select coalesce(sum(free_gpus) filter (where available), 0)::int as free, coalesce(sum(in_use_gpus), 0)::int as in_use,
      coalesce(sum(free_gpus) filter (where not available), 0)::int as unreachable from offers`);
  return row ?? { free: 0, in_use: 0, unreachable: 0 };
}
