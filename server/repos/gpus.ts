// GPUs as their machine reports them.
import { and, asc, count, eq, inArray, isNull, sql } from "drizzle-orm";
import type { ExecutionId, GpuId, JobId, ProviderId } from "../../domain/ids.ts";
import { isNode, RUNTIMES } from "../../domain/provider/state.ts";
import { batchExecutions, batchJobs } from "../../drizzle/schema/batch.ts";
import { executions, jobs } from "../../drizzle/schema/job.ts";
import { gpus, providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";

export type GpuRow = typeof gpus.$inferSelect;
export type NewGpu = typeof gpus.$inferInsert;

export function gpusOf(db: Db | Tx, providerIds: readonly ProviderId[]): Promise<GpuRow[]> {
  return db
    .select()
    .from(gpus)
    .where(inArray(gpus.providerId, [...providerIds]))
    .orderBy(asc(gpus.providerId), asc(gpus.index));
}

/** A provider's GPUs, locked in device order; its row is locked before. */
export function lockGpus(tx: Tx, providerId: ProviderId): Promise<GpuRow[]> {
  return tx
    .select()
    .from(gpus)
    .where(eq(gpus.providerId, providerId))
    .orderBy(asc(gpus.index), asc(gpus.id))
    .for("no key update");
}

/** Adds GPUs, or overwrites what the machine says of those known by their UUID. Who holds them stays. */
export async function upsertGpus(tx: Tx, rows: readonly NewGpu[]): Promise<void> {
  if (rows.length === 0) return;
  await tx
    .insert(gpus)
    .values([...rows])
    .onConflictDoUpdate({
      target: [gpus.providerId, gpus.uuid],
      set: {
        index: sql`excluded.index`,
        model: sql`excluded.model`,
        vramMb: sql`excluded.vram_mb`,
        driver: sql`excluded.driver`,
        declared: sql`excluded.declared`,
        present: sql`true`,
      },
    });
}

/** How many GPUs an account holds on nodes of the cluster; exact where the account is locked. */
export async function gpusOnNodes(db: Db | Tx, account: string): Promise<number> {
  const nodes = inArray(providers.runtime, RUNTIMES.filter(isNode));
  const [rented] = await db
    .select({ held: count() })
    .from(gpus)
    .innerJoin(executions, eq(executions.id, gpus.executionId))
    .innerJoin(jobs, eq(jobs.id, executions.jobId))
    .innerJoin(providers, eq(providers.id, gpus.providerId))
    .where(and(eq(jobs.account, account), nodes));
  const [batch] = await db
    .select({ held: count() })
    .from(gpus)
    .innerJoin(batchExecutions, eq(batchExecutions.id, gpus.executionId))
    .innerJoin(batchJobs, eq(batchJobs.id, batchExecutions.jobId))
    .innerJoin(providers, eq(providers.id, gpus.providerId))
    .where(and(eq(batchJobs.account, account), isNull(batchJobs.decidedAt), nodes));
  return (rented?.held ?? 0) + (batch?.held ?? 0);
}

export async function markGpusAbsent(tx: Tx, ids: readonly GpuId[]): Promise<void> {
  if (ids.length === 0) return;
  await tx
    .update(gpus)
    .set({ present: false })
    .where(inArray(gpus.id, [...ids]));
}

/** The jobs of executions that hold GPUs. */
export async function jobsOfHolders(tx: Tx, holders: readonly GpuRow[]): Promise<ReadonlyMap<ExecutionId, JobId>> {
  const ids = holders.flatMap(({ executionId }) => (executionId === null ? [] : [executionId]));
  if (ids.length === 0) return new Map();
  const held = (of: typeof executions | typeof batchExecutions) =>
    tx.select({ id: of.id, jobId: of.jobId }).from(of).where(inArray(of.id, ids));
  const rows = [...(await held(executions)), ...(await held(batchExecutions))];
  return new Map(rows.map(({ id, jobId }) => [id, jobId]));
}
