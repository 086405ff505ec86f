// Third-party workers: found by what they call themselves, written, and asked what they should run.
import { and, asc, desc, eq, inArray, ne, sql } from "drizzle-orm";
import type { ExecutionId, JobId, ProviderId } from "../../domain/ids.ts";
import { batchExecutions, batchJobs } from "../../drizzle/schema/batch.ts";
import { externalWorkers } from "../../drizzle/schema/external-worker.ts";
import { providerPresence, providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";
import { textArray } from "./arrays.ts";
import type { ExternalWorkerRow } from "./network.ts";

/** The provider of a node id, removed ones left out: an account's own first, then whoever came first. */
export async function providerOfNode(db: Db | Tx, nodeId: string, own: string | null): Promise<ProviderId | null> {
  const [row] = await db
    .select({ id: externalWorkers.providerId })
    .from(externalWorkers)
    .innerJoin(providers, eq(providers.id, externalWorkers.providerId))
    .where(and(eq(externalWorkers.nodeId, nodeId), ne(providers.admission, "removed")))
    .orderBy(desc(sql`${externalWorkers.owner} = ${own ?? ""}`), asc(externalWorkers.providerId))
    .limit(1);
  return row?.id ?? null;
}

function workers(db: Db | Tx) {
  return db
    .select({ worker: externalWorkers, provider: providers, lastSeenAt: providerPresence.lastSeenAt })
    .from(externalWorkers)
    .innerJoin(providers, eq(providers.id, externalWorkers.providerId))
    .leftJoin(providerPresence, eq(providerPresence.providerId, externalWorkers.providerId));
}
export type Worker = Awaited<ReturnType<typeof workers>>[number];

/** The worker of an account, removed ones too: an id is kept. */
export async function workerOf(db: Db | Tx, owner: string, nodeId: string): Promise<Worker | null> {
  const [row] = await workers(db).where(and(eq(externalWorkers.owner, owner), eq(externalWorkers.nodeId, nodeId)));
  return row ?? null;
}

export async function workerByProvider(db: Db | Tx, id: ProviderId): Promise<Worker | null> {
  const [row] = await workers(db).where(eq(externalWorkers.providerId, id));
  return row ?? null;
}

/** Removed ones left out: a machine that calls itself otherwise after each restart leaves many behind. */
export async function countWorkers(tx: Tx, owner: string): Promise<number> {
  const [row] = await tx
    .select({ count: sql<number>`count(*)::int` })
    .from(externalWorkers)
    .innerJoin(providers, eq(providers.id, externalWorkers.providerId))
    .where(and(eq(externalWorkers.owner, owner), ne(providers.admission, "removed")));
  return row?.count ?? 0;
}

/** Writes what a worker says of itself. */
export async function putWorker(tx: Tx, worker: ExternalWorkerRow): Promise<void> {
  const { providerId: _id, owner: _owner, nodeId: _node, ...said } = worker;
  await tx.insert(externalWorkers).values(worker).onConflictDoUpdate({ target: externalWorkers.providerId, set: said });
}

/** A sign of life. It has no number of its own, so each counts as the next one. */
export async function noteSeen(db: Db | Tx, providerId: ProviderId, at: Date): Promise<void> {
  await db
    .insert(providerPresence)
    .values({ providerId, lastSeenAt: at, seq: 1, report: [], reportedGeneration: 0, usage: {} })
    .onConflictDoUpdate({
      target: providerPresence.providerId,
      set: {
        lastSeenAt: sql`greatest(${providerPresence.lastSeenAt}, excluded.last_seen_at)`,
        seq: sql`${providerPresence.seq} + 1`,
      },
    });
}

/** What lives on a provider, the oldest first, with its job. */
export function pendingOn(db: Db | Tx, providerId: ProviderId) {
  return db
    .select({ execution: batchExecutions, job: batchJobs })
    .from(batchExecutions)
    .innerJoin(batchJobs, eq(batchJobs.id, batchExecutions.jobId))
    .where(and(eq(batchExecutions.providerId, providerId), inArray(batchExecutions.status, ["scheduled", "running"])))
    .orderBy(asc(batchExecutions.id));
}
export type Pending = Awaited<ReturnType<typeof pendingOn>>[number];

/**
 * What was handed out begins, and its job with it. Locked as everywhere: job before execution, so that a verdict that is
 * being reached is waited for.
 */
export async function startOn(db: Db, providerId: ProviderId, now: Date): Promise<void> {
  const at = sql`${now.toISOString()}::timestamptz`;
  await db.transaction(async (tx) => {
    const jobs = await tx.execute<{ id: JobId }>(sql`
      select id from batch_jobs where decided_at is null and id in (
        select job_id from batch_executions where provider_id = ${providerId} and status = 'scheduled')
      order by id for no key update`);
    const ids = textArray(jobs.map(({ id }) => id));
    await tx.execute(sql`
      update batch_executions set status = 'running', started_at = coalesce(started_at, ${at})
      where provider_id = ${providerId} and status = 'scheduled' and job_id = any(${ids})`);
    await tx.execute(sql`
      update batch_jobs set status = case when status = 'scheduled' then 'running' else status end,
        started_at = coalesce(started_at, ${at}) where id = any(${ids})`);
  });
}

/** An execution of this job on this provider, whatever became of it. */
export async function deliveredOn(db: Db | Tx, providerId: ProviderId, id: ExecutionId, jobId: JobId) {
  const [row] = await db
    .select({
      id: batchExecutions.id,
      status: batchExecutions.status,
      startedAt: batchExecutions.startedAt,
      createdAt: batchExecutions.createdAt,
    })
    .from(batchExecutions)
    .where(
      and(eq(batchExecutions.id, id), eq(batchExecutions.jobId, jobId), eq(batchExecutions.providerId, providerId)),
    );
  return row ?? null;
}
