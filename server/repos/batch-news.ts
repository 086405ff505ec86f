// What machines' reports say of batch executions: that they began, and that they are gone. Results come apart from that.
import { sql } from "drizzle-orm";
import type { ExecutionId, JobId, ProviderId } from "../../domain/ids.ts";
import type { Db, Tx } from "../deps.ts";

/** How long a machine has after an execution was given to it before leaving it out means anything. */
const TAKES_MS = 30_000;

/** A machine that was told to end a run by then has that long to deliver what came of it. */
const DELIVERS_MS = 60_000;

/** An execution that a machine says its program runs of. */
export interface Started {
  readonly id: ExecutionId;
  /** by the machine, RFC 3339: never believed later than now or earlier than it was given out */
  readonly at: string;
}

/**
 * Parts of the statement that takes news (presence.ts), after a part `n("providerId", started)`: each execution begins once,
 * and its job with the first. Jobs are locked before executions and in the order of their ids, as by whoever decides them.
 */
export function beginnings(now: Date) {
  return sql`
    told as materialized (
      select e.id, e.job_id, least(${now.toISOString()}::timestamptz, greatest(e.created_at, (item->>'at')::timestamptz)) as at
      from n cross join lateral jsonb_array_elements(n.started) as each(item)
      join batch_executions e on e.id = item->>'id' and e.provider_id = n."providerId" and e.status = 'scheduled'),
    locked as materialized (
      select id, status, timeout_seconds from batch_jobs
      where id in (select job_id from told) order by id for no key update),
    running as (
      update batch_executions e set status = 'running', started_at = told.at,
        deadline_at = least(e.deadline_at,
          told.at + interval '1 second' * locked.timeout_seconds + interval '1 millisecond' * ${DELIVERS_MS}::int)
      from told join locked on locked.id = told.job_id
      where e.id = told.id and e.status = 'scheduled' returning e.job_id, e.started_at, e.deadline_at),
    looked as (
      update batch_jobs j set started_at = coalesce(j.started_at, r.at), next_look_at = least(j.next_look_at, r.deadline),
        status = case when j.status = 'scheduled' then 'running' else j.status end
      from (select job_id, min(started_at) as at, min(deadline_at) as deadline from running group by job_id) r
      where j.id = r.job_id and j.decided_at is null returning j.id),
    begun as (select id from looked join locked using (id) where locked.status = 'scheduled'),
    heard as (
      insert into events (subject, code, message, data, at)
      select id, 'started', 'A machine runs it.', '{}', ${now.toISOString()}::timestamptz from begun)`;
}

/** A live execution that its machine, which acts on the newest desired set, does not have. */
export type Gone = { readonly id: ExecutionId; readonly jobId: JobId; readonly providerId: ProviderId };

/**
 * Live executions that have been given out for 30 s and that the last report of their own machine leaves out although it
 * acts on the newest desired set: nothing more will come of them. Machines without an agent report in other ways.
 */
export async function listGone(db: Db | Tx, now: Date, limit: number): Promise<Gone[]> {
  const rows = await db.execute<Gone>(sql`
    select e.id, e.job_id as "jobId", e.provider_id as "providerId"
    from batch_executions e
    join providers p on p.id = e.provider_id and p.runtime not in ('kubernetes', 'external')
    join provider_presence pp on pp.provider_id = p.id and pp.reported_generation >= p.generation
    where e.status in ('scheduled', 'running')
      and e.created_at <= ${new Date(now.getTime() - TAKES_MS).toISOString()}::timestamptz
      and pp.last_seen_at >= e.created_at + interval '1 millisecond' * ${TAKES_MS}::int
      and not pp.report @> jsonb_build_array(jsonb_build_object('id', e.id))
    order by e.id limit ${limit}`);
  return [...rows];
}
