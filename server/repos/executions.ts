// Executions: loaded with all that a decision needs, written under their version, claimed when due.
import { and, asc, eq, gt, inArray, isNull, sql } from "drizzle-orm";
import { EXECUTION_STATUSES, isLive } from "../../domain/execution/state.ts";
import type { ExecutionId, ProviderId } from "../../domain/ids.ts";
import { executions, jobs } from "../../drizzle/schema/job.ts";
import { providerNodes, providerPresence, providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";

export const LIVE_STATUSES = EXECUTION_STATUSES.filter(isLive);

export async function loadExecution(db: Db | Tx, id: ExecutionId) {
  const [row] = await db
    .select({
      execution: executions,
      job: jobs,
      provider: providers,
      nodeName: providerNodes.nodeName,
      // the last sign of life: of the node where it is one, else of the agent
      lastSeenAt: sql<Date | null>`case when ${providerNodes.providerId} is null then ${providerPresence.lastSeenAt}
        else ${providerNodes.seenAt} end`.mapWith(providerPresence.lastSeenAt),
    })
    .from(executions)
    .innerJoin(jobs, eq(jobs.id, executions.jobId))
    .innerJoin(providers, eq(providers.id, executions.providerId))
    .leftJoin(providerPresence, eq(providerPresence.providerId, providers.id))
    .leftJoin(providerNodes, eq(providerNodes.providerId, providers.id))
    .where(eq(executions.id, id));
  return row ?? null;
}
export type ExecutionRow = NonNullable<Awaited<ReturnType<typeof loadExecution>>>;

export type ExecutionSet = Partial<Omit<typeof executions.$inferSelect, "id" | "version" | "nextReconcileAt">>;

/**
 * Writes what was observed, guarded by the version that was loaded.
 * A wake that came since keeps its time: the later look never swallows it.
 * @returns false where somebody was faster
 */
export async function writeExecution(
  tx: Tx,
  loaded: ExecutionRow["execution"],
  set: ExecutionSet,
  againAt: Date | null,
): Promise<boolean> {
  const again = againAt ? againAt.toISOString() : null;
  const before = loaded.nextReconcileAt ? loaded.nextReconcileAt.toISOString() : null;
  const written = await tx
    .update(executions)
    .set({
      ...set,
      version: loaded.version + 1,
      reconcileAttempts: 0,
      nextReconcileAt: sql`case when ${executions.nextReconcileAt} is distinct from ${before}::timestamptz
        then least(${executions.nextReconcileAt}, ${again}::timestamptz) else ${again}::timestamptz end`,
    })
    .where(and(eq(executions.id, loaded.id), eq(executions.version, loaded.version)))
    .returning({ id: executions.id });
  return written.length === 1;
}

/** Writes a changed desire and makes the execution due at once. */
export async function writeDesire(
  tx: Tx,
  id: ExecutionId,
  set: Pick<ExecutionSet, "desired" | "stopReason" | "stopRequestedAt" | "expiresAt">,
  now: Date,
): Promise<void> {
  await tx
    .update(executions)
    .set({ ...set, version: sql`${executions.version} + 1`, nextReconcileAt: now, reconcileAttempts: 0 })
    .where(eq(executions.id, id));
}

export type LiveExecution = typeof executions.$inferSelect;

function selectLiveOn(tx: Tx, providerId: ProviderId) {
  return tx
    .select()
    .from(executions)
    .where(and(eq(executions.providerId, providerId), inArray(executions.status, LIVE_STATUSES)))
    .orderBy(asc(executions.id));
}

/** What lives on a provider. Where that is locked nothing can be added; what lives may end at any time. */
export async function liveOn(tx: Tx, providerId: ProviderId): Promise<LiveExecution[]> {
  return selectLiveOn(tx, providerId);
}

/** What lives on a locked provider, locked too: for who writes to it. */
export async function lockLiveOn(tx: Tx, providerId: ProviderId): Promise<LiveExecution[]> {
  return selectLiveOn(tx, providerId).for("no key update");
}

/** Backoff of an execution that stays due: 2 s doubling to 5 minutes, with jitter so that they do not march in step. */
const BACKOFF = sql`interval '1 millisecond' * (least(300000, 2000 * power(2, least(reconcile_attempts, 10))) * (0.75 + random() / 2))`;

/** Claims due executions and pushes their time forward: several sweeps at once share them. */
export async function claimDue(db: Db, now: Date, limit: number): Promise<ExecutionId[]> {
  const at = now.toISOString();
  const rows = await db.execute<{ id: ExecutionId }>(sql`
    update executions set reconcile_attempts = reconcile_attempts + 1, next_reconcile_at = ${at}::timestamptz + ${BACKOFF}
    where id in (
      select id from executions where next_reconcile_at <= ${at}::timestamptz
      order by next_reconcile_at limit ${limit} for update skip locked)
    returning id`);
  return rows.map((row) => row.id);
}

/** Makes due what waits only because looks at it failed: the reason for that is gone. @returns how many */
export async function wakeDelayed(db: Db, now: Date): Promise<number> {
  const rows = await db
    .update(executions)
    .set({ nextReconcileAt: now, reconcileAttempts: 0 })
    .where(and(gt(executions.reconcileAttempts, 0), gt(executions.nextReconcileAt, now)))
    .returning({ id: executions.id });
  return rows.length;
}

/** What nodes of the cluster should hold now. */
export async function appliedOnNodes(db: Db): Promise<ExecutionId[]> {
  const rows = await db
    .select({ id: executions.id })
    .from(executions)
    .innerJoin(providerNodes, eq(providerNodes.providerId, executions.providerId))
    .where(
      inArray(
        executions.status,
        LIVE_STATUSES.filter((status) => status !== "scheduled"),
      ),
    );
  return rows.map(({ id }) => id);
}

/** Which of these ids belong to live executions. */
export async function liveAmong(db: Db, ids: readonly ExecutionId[]): Promise<Set<ExecutionId>> {
  if (ids.length === 0) return new Set();
  const rows = await db
    .select({ id: executions.id })
    .from(executions)
    .where(and(inArray(executions.id, [...ids]), inArray(executions.status, LIVE_STATUSES)));
  return new Set(rows.map((row) => row.id));
}

/** Which of these ids belong to executions that run. */
export async function runningAmong(db: Db, ids: readonly ExecutionId[]): Promise<ExecutionId[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .select({ id: executions.id })
    .from(executions)
    .where(and(inArray(executions.id, [...ids]), eq(executions.status, "running")));
  return rows.map(({ id }) => id);
}

/** Makes ended executions whose money or next attempt is not done due again: nothing may rest unsettled. */
export async function wakeUnsettled(db: Db, now: Date): Promise<number> {
  const rows = await db
    .update(executions)
    .set({ nextReconcileAt: now })
    .where(and(eq(executions.settled, false), isNull(executions.nextReconcileAt)))
    .returning({ id: executions.id });
  return rows.length;
}
