// What batch jobs wait for that nobody tells: time, machines that fell silent, and how long runs like theirs take.
import { sql } from "drizzle-orm";
import type { JobId } from "../../domain/ids.ts";
import type { Db } from "../deps.ts";
import { textArray } from "./arrays.ts";

/** A claimed job is looked at again after this, where whoever claimed it died. */
const CLAIM_MS = 10_000;

/** Claims jobs whose time has come and pushes it forward: several sweeps at once share them. */
export async function claimDueJobs(db: Db, now: Date, limit: number): Promise<JobId[]> {
  const at = now.toISOString();
  const rows = await db.execute<{ id: JobId }>(sql`
    update batch_jobs set next_look_at = ${at}::timestamptz + interval '1 millisecond' * ${CLAIM_MS}::int
    where id in (
      select id from batch_jobs where next_look_at <= ${at}::timestamptz
      order by next_look_at limit ${limit} for update skip locked)
    returning id`);
  return rows.map(({ id }) => id);
}

/** Jobs with executions on machines that are out of reach, not admitted any more, or in quarantine. */
export async function jobsOnAbsent(db: Db, limit: number): Promise<JobId[]> {
  const rows = await db.execute<{ id: JobId }>(sql`
    select distinct e.job_id as id from batch_executions e join providers p on p.id = e.provider_id
    left join provider_evidence k on k.provider_id = p.id
    where e.status in ('scheduled','running')
      and (p.presence = 'offline' or p.admission <> 'approved' or k.quarantined_at is not null)
    limit ${limit}`);
  return rows.map(({ id }) => id);
}

/** Of the newest jobs of an account, this many are looked through for some that are alike, and so many of those are read. */
const LOOKED_THROUGH = 500;
const READ = 50;

export type TypicalRun = {
  readonly samples: number;
  /** of that share of agreeing runs of the same account, image and command; null of none */
  readonly ms: number | null;
};

/** How long runs like those of each of these jobs took. @param share such as 0.95 */
export async function typicalRuns(db: Db, ids: readonly JobId[], share: number): Promise<Map<JobId, TypicalRun>> {
  if (ids.length === 0) return new Map();
  const rows = await db.execute<TypicalRun & { ids: JobId[] }>(sql`
    with kinds as (
      select account, image, command, json_agg(id) as ids from batch_jobs
      where id = any(${textArray(ids)}) and not hedged and decided_at is null group by account, image, command)
    select k.ids, t.samples, t.ms from kinds k
    cross join lateral (
      select count(*)::int as samples, percentile_cont(${share}::float8) within group (order by e.run_ms) as ms
      from (
        select id from (
          select id, image, command, status from batch_jobs where account = k.account
          order by id desc limit ${LOOKED_THROUGH}) newest
        where image = k.image and command = k.command and status = 'completed' limit ${READ}) alike
      join batch_executions e on e.job_id = alike.id and e.vote = 'agreed' and e.run_ms is not null) t`);
  return new Map(rows.flatMap(({ ids: alike, samples, ms }) => alike.map((id) => [id, { samples, ms }] as const)));
}
