// Batch jobs as their owners see them. The broker's own checks are nobody's to see: nothing here returns one.
import { and, desc, eq, getTableColumns, inArray, lt, sql } from "drizzle-orm";
import type { JobId } from "../../domain/ids.ts";
import type { BatchStatus } from "../../domain/job/batch.ts";
import { batchExecutions, batchJobs, batchResults } from "../../drizzle/schema/batch.ts";
import { externalWorkers } from "../../drizzle/schema/external-worker.ts";
import { jobs } from "../../drizzle/schema/job.ts";
import { providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";

export type NewBatchJob = typeof batchJobs.$inferInsert;

/** @returns the row as it now is, defaults included */
export async function insertBatchJob(tx: Tx, job: NewBatchJob): Promise<BatchRow["job"]> {
  const [row] = await tx.insert(batchJobs).values(job).returning();
  if (!row) throw new Error(`the job ${job.id} was not written`);
  return row;
}

/** How many jobs of an account are not decided, counted up to a bound. */
export async function countUndecided(db: Db, account: string, most: number): Promise<number> {
  const [row] = await db.execute<{ open: number }>(sql`
    select count(*)::int as open from (
      select 1 from ${batchJobs} where account = ${account} and decided_at is null and purpose = 'customer' limit ${most}) counted`);
  return row?.open ?? 0;
}

/** Longer results are shown with the job itself, not in a list of many. */
const MOST_LISTED_BYTES = 4096;

/** Of longer input a list has the beginning, in characters. */
const MOST_LISTED_INPUT = 1024;

/** One row a job: what `toBatchView` needs. */
function select(db: Db | Tx, { listed }: { readonly listed: boolean }) {
  const short = sql`octet_length(${batchResults.stdout}) <= ${MOST_LISTED_BYTES}`;
  return db
    .select({
      job: {
        ...getTableColumns(batchJobs),
        inputData: listed
          ? sql<string>`left(${batchJobs.inputData}, ${MOST_LISTED_INPUT}::int)`
          : sql<string>`${batchJobs.inputData}`,
      },
      result: sql<string | null>`case when ${listed ? short : sql`true`} then ${batchResults.stdout} end`,
      executions: sql<number>`(select count(*)::int from batch_executions e where e.job_id = ${batchJobs.id})`,
      refunded: sql<string>`case when ${batchJobs.verdict}->>'recalledAt' is null then 0 else (
        select coalesce(sum(e.paid), 0) from batch_executions e
        where e.job_id = ${batchJobs.id} and e.paid_by = 'refunded') end::text`,
    })
    .from(batchJobs)
    .leftJoin(batchResults, eq(batchResults.executionId, batchJobs.resultExecutionId));
}
export type BatchRow = Awaited<ReturnType<typeof select>>[number];

const ownedBy = (account: string) => and(eq(batchJobs.account, account), eq(batchJobs.purpose, "customer"));

/** A job by its id also where it verifies again a result that was taken back, once that one's verdict names it. */
const readableBy = (account: string, j = sql`${batchJobs}`) =>
  sql`${j}.account = ${account} and (${j}.purpose = 'customer' or exists (
    select 1 from batch_jobs o where o.id = ${j}.about and o.verdict->>'recheck' = ${j}.id))`;

export async function findBatchRow(db: Db | Tx, account: string, id: JobId): Promise<BatchRow | null> {
  const [row] = await select(db, { listed: false }).where(and(readableBy(account), eq(batchJobs.id, id)));
  return row ?? null;
}

/** An account's batch jobs, newest first, before an id; results that are long are left out, of long input there is the beginning. */
export function listBatchRows(
  db: Db | Tx,
  account: string,
  page: { status: BatchStatus | null; beforeId: JobId | null; limit: number },
): Promise<BatchRow[]> {
  return select(db, { listed: true })
    .where(
      and(
        ownedBy(account),
        page.status ? eq(batchJobs.status, page.status) : undefined,
        page.beforeId ? lt(batchJobs.id, page.beforeId) : undefined,
      ),
    )
    .orderBy(desc(batchJobs.id))
    .limit(page.limit);
}

/** Places in the queue are counted up to here: what is told of a place must cost as little with a long queue. */
export const MOST_PLACES = 1000;

/**
 * How many jobs are served before each of these, as accounts take turns: of its own account those before it, of every
 * other one as many at most; all counted up to `MOST_PLACES`. Those that want no machine now are absent.
 */
export async function queuePositions(db: Db | Tx, account: string, ids: readonly JobId[]): Promise<Map<JobId, number>> {
  if (ids.length === 0) return new Map();
  const rows = await db.execute<{ id: JobId; before: number }>(sql`
    with others as (
      select account, count(*) as jobs from (
        select account from batch_jobs where copies_wanted > 0 and purpose = 'customer' and account <> ${account} limit ${MOST_PLACES}) counted
      group by account),
    own as (
      select j.id, (select count(*) from (
        select 1 from batch_jobs w where w.copies_wanted > 0 and w.purpose = 'customer' and w.account = ${account} and w.id < j.id
        limit ${MOST_PLACES}) counted) as turn
      from batch_jobs j where j.copies_wanted > 0 and ${inArray(sql`j.id`, [...ids])})
    select id, least(${MOST_PLACES}, turn + coalesce((select sum(least(jobs, turn)) from others), 0))::int as before
    from own`);
  return new Map(rows.map(({ id, before }) => [id, before]));
}

/** The panel of a job, in the order in which it was given out; what was delivered only where the job is decided. */
export function executionsOf(db: Db, account: string, id: JobId) {
  const decided = sql`${batchJobs.decidedAt} is not null`;
  return db
    .select({
      execution: batchExecutions,
      provider: { name: providers.name, region: providers.region, reputation: providers.reputation },
      nodeId: externalWorkers.nodeId,
      revealed: sql<boolean>`${decided}`,
      stdout: sql<string | null>`case when ${decided} then ${batchResults.stdout} end`,
      stderr: sql<string | null>`case when ${decided} then ${batchResults.stderr} end`,
      files: sql<{ path: string; bytes: number }[]>`case when ${decided} then coalesce((
        select jsonb_agg(jsonb_build_object('path', f->>'path', 'bytes', octet_length(decode(f->>'content', 'base64'))))
        from jsonb_array_elements(${batchResults.files}) f), '[]') else '[]'::jsonb end`,
    })
    .from(batchExecutions)
    .innerJoin(batchJobs, eq(batchJobs.id, batchExecutions.jobId))
    .innerJoin(providers, eq(providers.id, batchExecutions.providerId))
    .leftJoin(externalWorkers, eq(externalWorkers.providerId, batchExecutions.providerId))
    .leftJoin(batchResults, eq(batchResults.executionId, batchExecutions.id))
    .where(and(readableBy(account), eq(batchJobs.id, id)))
    .orderBy(batchExecutions.number);
}
export type PanelRow = Awaited<ReturnType<typeof executionsOf>>[number];

/**
 * What a decided job wrote to stderr: where its result was accepted; else where it was given out first and wrote anything.
 * @returns null where the account has no such batch job; `stderr` is null before the verdict
 */
export async function findBatchLog(
  db: Db,
  account: string,
  id: JobId,
): Promise<{ readonly stderr: string | null } | null> {
  const [row] = await db.execute<{ stderr: string | null }>(sql`
    select case when j.decided_at is not null then coalesce((
      select r.stderr from batch_executions e join batch_results r on r.execution_id = e.id
      where e.job_id = j.id and (e.id = j.result_execution_id or (j.result_execution_id is null and r.stderr <> ''))
      order by e.number limit 1), '') end as stderr
    from batch_jobs j where j.id = ${id} and ${readableBy(account, sql`j`)}`);
  return row ?? null;
}

/** Files of what was accepted; no execution where nothing was. @returns null where the account has no such batch job */
export async function acceptedFiles(db: Db, account: string, id: JobId) {
  const [row] = await db
    .select({ executionId: batchJobs.resultExecutionId, files: batchResults.files })
    .from(batchJobs)
    .leftJoin(batchResults, eq(batchResults.executionId, batchJobs.resultExecutionId))
    .where(and(readableBy(account), eq(batchJobs.id, id)));
  return row ? { executionId: row.executionId, files: row.files ?? [] } : null;
}

/** Whether the account has a job of either kind with this id. */
export async function ownsJob(db: Db, account: string, id: JobId): Promise<boolean> {
  const [row] = await db.execute<{ owns: boolean }>(sql`
    select exists (select 1 from ${jobs} where id = ${id} and account = ${account})
      or exists (select 1 from ${batchJobs} j where id = ${id} and ${readableBy(account, sql`j`)}) as owns`);
  return row?.owns === true;
}
