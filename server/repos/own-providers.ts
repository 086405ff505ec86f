// Machines as their owners see them: many at once, each kind of row in one query.
import { and, asc, desc, eq, gt, inArray, isNull, lt, ne, sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import { batchExecutions, batchJobs } from "../../drizzle/schema/batch.ts";
import { events } from "../../drizzle/schema/event.ts";
import { executions, jobs } from "../../drizzle/schema/job.ts";
import {
  appeals,
  enrolmentTokens,
  maintenanceWindows,
  offers,
  providerNodes,
  providerPresence,
  providers,
  reputationEvents,
} from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";
import { batchLives } from "./batch-live.ts";
import { LIVE_STATUSES } from "./executions.ts";
import { quarantineOf } from "./providers.ts";

function withPresence(db: Db | Tx) {
  return db
    .select({
      provider: providers,
      lastSeenAt: providerPresence.lastSeenAt,
      usage: providerPresence.usage,
      quarantine: quarantineOf,
    })
    .from(providers)
    .leftJoin(providerPresence, eq(providerPresence.providerId, providers.id));
}
export type OwnProviderRow = Awaited<ReturnType<typeof withPresence>>[number];

/** An owner's machines, newest first, before an id; those it removed are left out. */
export function ownProviderRows(
  db: Db | Tx,
  owner: string,
  page: { readonly beforeId: ProviderId | null; readonly limit: number },
): Promise<OwnProviderRow[]> {
  return withPresence(db)
    .where(
      and(
        eq(providers.owner, owner),
        ne(providers.admission, "removed"),
        page.beforeId ? lt(providers.id, page.beforeId) : undefined,
      ),
    )
    .orderBy(desc(providers.id))
    .limit(page.limit);
}

export async function ownProviderRow(db: Db | Tx, id: ProviderId): Promise<OwnProviderRow | null> {
  const [row] = await withPresence(db).where(eq(providers.id, id));
  return row ?? null;
}

/** Name and owner alone. */
export async function providerHead(db: Db | Tx, id: ProviderId) {
  const [row] = await db
    .select({ owner: providers.owner, name: providers.name, reputation: providers.reputation })
    .from(providers)
    .where(eq(providers.id, id));
  return row ?? null;
}

/** GPU models with what of them is free, in order. */
export function gpuOffersOf(db: Db | Tx, ids: readonly ProviderId[]) {
  return db
    .select({
      providerId: offers.providerId,
      model: offers.gpuModel,
      vramMb: offers.vramMb,
      total: offers.totalGpus,
      free: offers.freeGpus,
      inUse: offers.inUseGpus,
    })
    .from(offers)
    .where(and(inArray(offers.providerId, [...ids]), ne(offers.gpuModel, "")))
    .orderBy(asc(offers.gpuModel));
}

/** What lives there now, of either kind: nothing of whose it is. */
export async function executionsOn(db: Db | Tx, ids: readonly ProviderId[]) {
  const [rentals, batch] = await Promise.all([rentalsOn(db, ids), batchOn(db, ids)]);
  return [...rentals, ...batch].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function rentalsOn(db: Db | Tx, ids: readonly ProviderId[]) {
  return db
    .select({
      kind: sql<"rental" | "batch">`'rental'`,
      id: executions.id,
      providerId: executions.providerId,
      status: executions.status,
      gpuCount: jobs.gpuCount,
      cpuCores: executions.cpuCores,
      memoryGb: executions.memoryGb,
      diskGb: executions.diskGb,
      rate: jobs.rate,
      startedAt: executions.startedAt,
      expiresAt: executions.expiresAt,
    })
    .from(executions)
    .innerJoin(jobs, eq(jobs.id, executions.jobId))
    .where(and(inArray(executions.providerId, [...ids]), inArray(executions.status, LIVE_STATUSES)));
}

function batchOn(db: Db | Tx, ids: readonly ProviderId[]) {
  return db
    .select({
      kind: sql<"rental" | "batch">`'batch'`,
      id: batchExecutions.id,
      providerId: batchExecutions.providerId,
      status: batchExecutions.status,
      gpuCount: batchJobs.gpuCount,
      cpuCores: batchExecutions.cpuCores,
      memoryGb: batchExecutions.memoryGb,
      diskGb: batchExecutions.diskGb,
      rate: batchExecutions.rate,
      startedAt: batchExecutions.startedAt,
      expiresAt: batchExecutions.deadlineAt,
    })
    .from(batchExecutions)
    .innerJoin(batchJobs, eq(batchJobs.id, batchExecutions.jobId))
    .where(and(inArray(batchExecutions.providerId, [...ids]), batchLives));
}

/** Windows that end after a moment, over and cancelled ones too, in order. */
export function windowsOf(db: Db | Tx, ids: readonly ProviderId[], endingAfter: Date) {
  return db
    .select()
    .from(maintenanceWindows)
    .where(and(inArray(maintenanceWindows.providerId, [...ids]), gt(maintenanceWindows.endsAt, endingAfter)))
    .orderBy(asc(maintenanceWindows.startsAt));
}

export function nodesOf(db: Db | Tx, ids: readonly ProviderId[]) {
  return db
    .select()
    .from(providerNodes)
    .where(inArray(providerNodes.providerId, [...ids]));
}

/** When it last happened since a moment, by provider. For codes that are rare: the index of codes answers. */
export async function lastOf(
  db: Db | Tx,
  ids: readonly ProviderId[],
  code: string,
  since: Date,
): Promise<Map<string, Date>> {
  const rows = await db
    .selectDistinctOn([events.subject], { subject: events.subject, at: events.at })
    .from(events)
    .where(and(eq(events.code, code), inArray(events.subject, [...ids]), gt(events.at, since)))
    .orderBy(events.subject, desc(events.id));
  return new Map(rows.map(({ subject, at }) => [subject, at]));
}

/** Events of one provider, newest first, before an id. */
export function providerEvents(
  db: Db | Tx,
  id: ProviderId,
  page: { readonly beforeId: number | null; readonly limit: number },
) {
  return db
    .select()
    .from(events)
    .where(and(eq(events.subject, id), page.beforeId === null ? undefined : lt(events.id, page.beforeId)))
    .orderBy(desc(events.id))
    .limit(page.limit);
}

/** Changes of reputation with the score after each and their appeals, newest first, before an id. */
export function reputationRows(
  db: Db | Tx,
  id: ProviderId,
  page: { readonly beforeId: number | null; readonly limit: number },
) {
  const scored = db
    .select({
      id: reputationEvents.id,
      delta: reputationEvents.delta,
      reason: reputationEvents.reason,
      jobId: reputationEvents.jobId,
      at: reputationEvents.at,
      score: sql<number>`(sum(${reputationEvents.delta}) over (order by ${reputationEvents.id}))::int`.as("score"),
    })
    .from(reputationEvents)
    .where(eq(reputationEvents.providerId, id))
    .as("scored");
  return db
    .select({
      id: scored.id,
      delta: scored.delta,
      reason: scored.reason,
      jobId: scored.jobId,
      at: scored.at,
      score: scored.score,
      appeal: appeals,
    })
    .from(scored)
    .leftJoin(appeals, eq(appeals.reputationEventId, scored.id))
    .where(page.beforeId === null ? undefined : lt(scored.id, page.beforeId))
    .orderBy(desc(scored.id))
    .limit(page.limit);
}
export type ReputationRow = Awaited<ReturnType<typeof reputationRows>>[number];

/** Enrolment tokens of an account that still enrol a machine, the one that lasts longest first. */
export function openTokens(db: Db | Tx, account: string, now: Date) {
  return db
    .select({ createdAt: enrolmentTokens.createdAt, expiresAt: enrolmentTokens.expiresAt })
    .from(enrolmentTokens)
    .where(
      and(eq(enrolmentTokens.account, account), isNull(enrolmentTokens.usedAt), gt(enrolmentTokens.expiresAt, now)),
    )
    .orderBy(desc(enrolmentTokens.expiresAt));
}

/** Counts over all machines of an owner that were not removed. Free are GPUs of machines that take work. */
export async function fleetOf(db: Db | Tx, owner: string) {
  const [row] = await db.execute<{ machines: number; available: number; total: number; free: number; in_use: number }>(
    sql`
    select count(*)::int as machines, count(*) filter (where p.takes)::int as available,
      coalesce(sum(o.total), 0)::int as total, coalesce(sum(o.free) filter (where p.takes), 0)::int as free,
      coalesce(sum(o.in_use), 0)::int as in_use
    from (select id, admission = 'approved' and presence = 'online' and drain = 'none' and ${quarantineOf} is null as takes
      from providers where owner = ${owner} and admission <> 'removed') p
    left join lateral (select sum(total_gpus) as total, sum(free_gpus) as free, sum(in_use_gpus) as in_use
      from offers where provider_id = p.id and gpu_model <> '') o on true`,
  );
  return {
    machines: row?.machines ?? 0,
    available: row?.available ?? 0,
    total: row?.total ?? 0,
    free: row?.free ?? 0,
    inUse: row?.in_use ?? 0,
  };
}
