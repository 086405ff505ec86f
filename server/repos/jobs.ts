// Jobs as their owners see them: with their newest execution, provider and hold.
import { and, desc, eq, inArray, isNotNull, isNull, lt, ne, or, type SQL } from "drizzle-orm";
import type { ExecutionId, JobId } from "../../domain/ids.ts";
import type { RentalStatus } from "../../domain/job/status.ts";
import { executions, holds, jobs } from "../../drizzle/schema/job.ts";
import { gpus, providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";

export type NewJob = typeof jobs.$inferInsert;
export type NewExecution = typeof executions.$inferInsert;

export async function insertJob(tx: Tx, job: NewJob, execution: NewExecution): Promise<void> {
  await tx.insert(jobs).values(job);
  await tx.insert(executions).values(execution);
}

/** The next attempt of a job that never ran: a new execution becomes its newest. */
export async function insertAttempt(tx: Tx, execution: NewExecution): Promise<void> {
  await tx.insert(executions).values(execution);
  await tx.update(jobs).set({ executionId: execution.id }).where(eq(jobs.id, execution.jobId));
}

/** One row a job: what `toJobView` needs. */
function select(db: Db | Tx) {
  return db
    .select({ job: jobs, execution: executions, provider: providers, hold: holds })
    .from(jobs)
    .innerJoin(executions, eq(executions.id, jobs.executionId))
    .innerJoin(providers, eq(providers.id, executions.providerId))
    .innerJoin(holds, eq(holds.jobId, jobs.id));
}
export type JobRow = Awaited<ReturnType<typeof select>>[number];

export async function findJob(db: Db | Tx, account: string, id: JobId): Promise<JobRow | null> {
  const [row] = await select(db).where(and(eq(jobs.id, id), eq(jobs.account, account)));
  return row ?? null;
}

/** Executions of a job before an attempt, oldest first, with the name of the provider. */
export function earlierAttempts(db: Db, id: JobId, before: number) {
  return db
    .select({
      id: executions.id,
      attempt: executions.attempt,
      reason: executions.reason,
      provider: providers.name,
    })
    .from(executions)
    .innerJoin(providers, eq(providers.id, executions.providerId))
    .where(and(eq(executions.jobId, id), lt(executions.attempt, before)))
    .orderBy(executions.attempt);
}

/** `rentalStatus` as a condition on rows; a test holds the two together. */
const STATUS_IS = {
  pending: or(
    inArray(executions.status, ["scheduled", "starting"]),
    and(inArray(executions.status, ["failed", "lost"]), isNull(jobs.settledAt)),
  ),
  running: inArray(executions.status, ["running", "unreachable"]),
  stopping: eq(executions.status, "stopping"),
  stopped: or(
    eq(executions.status, "succeeded"),
    and(eq(executions.status, "stopped"), ne(executions.reason, "expired"), isNotNull(executions.startedAt)),
  ),
  expired: and(eq(executions.status, "stopped"), eq(executions.reason, "expired")),
  cancelled: and(eq(executions.status, "stopped"), ne(executions.reason, "expired"), isNull(executions.startedAt)),
  failed: and(inArray(executions.status, ["failed", "lost"]), isNotNull(jobs.settledAt)),
} as const satisfies Record<RentalStatus, SQL | undefined>;

/** An account's jobs, newest first, before an id. */
export function listJobRows(
  db: Db | Tx,
  account: string,
  page: { status: RentalStatus | null; beforeId: JobId | null; limit: number },
): Promise<JobRow[]> {
  return select(db)
    .where(
      and(
        eq(jobs.account, account),
        page.status ? STATUS_IS[page.status] : undefined,
        page.beforeId ? lt(jobs.id, page.beforeId) : undefined,
      ),
    )
    .orderBy(desc(jobs.id))
    .limit(page.limit);
}

/** Locks a job of an account with its newest execution; the account is locked by the caller before. */
export async function lockJob(tx: Tx, account: string, id: JobId) {
  const [row] = await tx
    .select({ job: jobs, execution: executions })
    .from(jobs)
    .innerJoin(executions, eq(executions.id, jobs.executionId))
    .where(and(eq(jobs.id, id), eq(jobs.account, account)))
    .for("update");
  return row ?? null;
}

export async function updateJob(
  tx: Tx,
  id: JobId,
  set: Partial<Pick<NewJob, "hours" | "warnedMinutes" | "reason" | "settledAt">>,
) {
  await tx.update(jobs).set(set).where(eq(jobs.id, id));
}

/** UUIDs of the GPUs an execution holds, in device order. */
export async function heldGpuUuids(db: Db | Tx, id: ExecutionId): Promise<string[]> {
  const rows = await db.select({ uuid: gpus.uuid }).from(gpus).where(eq(gpus.executionId, id)).orderBy(gpus.index);
  return rows.map((row) => row.uuid);
}
