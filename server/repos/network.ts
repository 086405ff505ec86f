// What everybody may know of the network: providers with their evidence, and the totals behind /stats.
import { and, count, eq, inArray, type SQL, sql } from "drizzle-orm";
import { type ExecutionId, formatId, type ProviderId } from "../../domain/ids.ts";
import type { BatchStatus } from "../../domain/job/batch.ts";
import type { Admission, Drain, Presence } from "../../domain/provider/state.ts";
import { holdings, providerEvidence } from "../../drizzle/schema/batch.ts";
import { externalWorkers } from "../../drizzle/schema/external-worker.ts";
import { providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";
import { type ShownProvider, shown } from "./providers.ts";

export type EvidenceRow = typeof providerEvidence.$inferSelect;
export type ExternalWorkerRow = typeof externalWorkers.$inferSelect;

/** A provider with all that its node shows. */
export interface NodeRow {
  readonly shown: ShownProvider;
  /** null where nothing was ever verified */
  readonly evidence: EvidenceRow | null;
  /** null where it is none */
  readonly worker: ExternalWorkerRow | null;
  /** live ones of both kinds */
  readonly executions: number;
}

/** In the order they come in, each kind of row in one query. */
export async function nodeRows(db: Db | Tx, all: readonly ShownProvider[]): Promise<NodeRow[]> {
  const ids = all.map(({ provider }) => provider.id);
  if (ids.length === 0) return [];
  const evidence = await db.select().from(providerEvidence).where(inArray(providerEvidence.providerId, ids));
  const workers = await db.select().from(externalWorkers).where(inArray(externalWorkers.providerId, ids));
  const held = await db
    .select({ providerId: holdings.providerId, executions: count() })
    .from(holdings)
    .where(inArray(holdings.providerId, ids))
    .groupBy(holdings.providerId);
  const of = <R extends { readonly providerId: ProviderId }>(rows: readonly R[]) =>
    new Map(rows.map((row) => [row.providerId, row]));
  const [evidenceOf, workerOf, heldOf] = [of(evidence), of(workers), of(held)];
  return all.map((one) => ({
    shown: one,
    evidence: evidenceOf.get(one.provider.id) ?? null,
    worker: workerOf.get(one.provider.id) ?? null,
    executions: heldOf.get(one.provider.id)?.executions ?? 0,
  }));
}

export async function nodeRow(db: Db | Tx, id: ProviderId): Promise<NodeRow | null> {
  const [row] = await nodeRows(db, await shown(db, eq(providers.id, id), 1));
  return row ?? null;
}

type StandingGroup = {
  admission: Admission;
  presence: Presence;
  drain: Drain;
  quarantined: boolean;
  busy: boolean;
  count: number;
  cores: number;
  memory: number;
};

/** Admitted providers by how they stand and whether anything lives there. */
export function countStandings(db: Db): Promise<StandingGroup[]> {
  return db.execute<StandingGroup>(sql`
    select admission, presence, drain, quarantined, busy, count(*)::int as count, sum(cpu_cores)::int as cores,
      sum(memory_gb)::int as memory
    from (select p.*, e.quarantined_at is not null as quarantined,
        exists (select 1 from holdings h where h.provider_id = p.id) as busy
      from providers p left join provider_evidence e on e.provider_id = p.id where p.admission = 'approved') standing
    group by 1, 2, 3, 4, 5`);
}

/** Accounts whose provider is there and takes work. */
export async function countOwnersOnline(db: Db): Promise<number> {
  const [row] = await db
    .select({ owners: sql<number>`count(distinct ${providers.owner})::int` })
    .from(providers)
    .where(and(eq(providers.admission, "approved"), eq(providers.presence, "online")));
  return row?.owners ?? 0;
}

export type BatchCounts = Readonly<Partial<Record<BatchStatus, number>>>;
type StatusCount = { status: BatchStatus; count: number };

/** Customers' batch jobs that were decided in (after, upTo], by status; from the first day where `after` is null. */
export async function countDecided(
  db: Db,
  { after, upTo }: { readonly after: Date | null; readonly upTo: Date },
): Promise<BatchCounts> {
  const since = after === null ? sql`true` : sql`decided_at > ${after.toISOString()}::timestamptz`;
  return countsBy(db, sql`decided_at <= ${upTo.toISOString()}::timestamptz and ${since}`);
}

/** Customers' batch jobs without a verdict, by status. */
export async function countUndecided(db: Db): Promise<BatchCounts> {
  return countsBy(db, sql`decided_at is null`);
}

async function countsBy(db: Db, where: SQL): Promise<BatchCounts> {
  const rows = await db.execute<StatusCount>(sql`
    select status, count(*)::int as count from batch_jobs where purpose = 'customer' and ${where} group by 1`);
  return Object.fromEntries(rows.map(({ status, count: n }) => [status, n]));
}

/** Customers' batch jobs that wait for machines. */
export async function countWaiting(db: Db): Promise<number> {
  const [row] = await db.execute<{ count: number }>(
    sql`select count(*)::int as count from batch_jobs where copies_wanted > 0 and purpose = 'customer'`,
  );
  return row?.count ?? 0;
}

/** Executions of batch jobs given to machines since a moment: their ids are in the order of time. */
export async function countGivenOut(db: Db, since: Date): Promise<number> {
  const first: ExecutionId = formatId("exec", since.getTime(), new Uint8Array(10));
  const [row] = await db.execute<{ count: number }>(
    sql`select count(*)::int as count from batch_executions where id >= ${first}`,
  );
  return row?.count ?? 0;
}

/** Verified results since the first day, as the evidence of all providers has it. */
export async function countVerified(db: Db): Promise<number> {
  const [row] = await db
    .select({ good: sql<number>`coalesce(sum(${providerEvidence.jobsGood}), 0)::int` })
    .from(providerEvidence);
  return row?.good ?? 0;
}

/** Of the newest verdicts of customers' jobs. Shares are 0…1, null where there is nothing to share. */
export interface LatestVerdicts {
  readonly agreement: number | null;
  /** share of them that distinct owners agreed on */
  readonly accepted: number | null;
  /** seconds from the submission */
  readonly p50: number | null;
  readonly p95: number | null;
}

/** @param since times are of verdicts after it */
export async function latestVerdicts(db: Db, most: number, since: Date): Promise<LatestVerdicts> {
  const [row] = await db.execute<{
    agreement: number | null;
    accepted: number | null;
    p50: number | null;
    p95: number | null;
  }>(sql`
    with newest as materialized (
      select id, status, created_at, decided_at, verdict->>'kind' as kind from batch_jobs
      where decided_at is not null and purpose = 'customer' and status <> 'cancelled'
      order by decided_at desc limit ${most}),
    recent as (select extract(epoch from decided_at - created_at) as seconds from newest
      where decided_at > ${since.toISOString()}::timestamptz and status = 'completed')
    select
      (select avg((e.vote = 'agreed')::int)::float8 from newest n join batch_executions e on e.job_id = n.id
        where e.vote is not null) as agreement,
      (select avg((kind = 'accepted')::int)::float8 from newest) as accepted,
      (select percentile_cont(0.5) within group (order by seconds) from recent)::float8 as p50,
      (select percentile_cont(0.95) within group (order by seconds) from recent)::float8 as p95`);
  return row ?? { agreement: null, accepted: null, p50: null, p95: null };
}

/** Whole milliseconds that executions took whose jobs were decided in (after, upTo]. */
export async function runTimes(db: Db, after: Date, upTo: Date, most: number): Promise<number[]> {
  const rows = await db.execute<{ ms: number }>(sql`
    select e.run_ms as ms from batch_jobs j join batch_executions e on e.job_id = j.id
    where j.decided_at > ${after.toISOString()}::timestamptz and j.decided_at <= ${upTo.toISOString()}::timestamptz
      and j.purpose = 'customer' and e.run_ms is not null limit ${most}`);
  return rows.map(({ ms }) => ms);
}
