// What operators ask of the database: providers by admission, what is beside them, incidents, the audit trail, appeals.
import { and, asc, count, desc, eq, gt, gte, inArray, isNotNull, isNull, lt, lte, ne, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { ProviderId } from "../../domain/ids.ts";
import type { Admission } from "../../domain/provider/state.ts";
import { batchJobs, holdings, providerEvidence } from "../../drizzle/schema/batch.ts";
import { events } from "../../drizzle/schema/event.ts";
import { appeals, gpus, providers, reputationEvents } from "../../drizzle/schema/provider.ts";
import type { Db } from "../deps.ts";
import { matching } from "./matching.ts";
import { type ShownProvider, shown } from "./providers.ts";

export interface ProviderFilter {
  /** null: all but the removed */
  readonly admission: Admission | null;
  /** part of a name, a host name, an owner's address, or an id */
  readonly search: string | null;
  readonly beforeId: ProviderId | null;
  readonly limit: number;
}

const SEARCHED = [providers.name, providers.hostname, providers.owner, providers.id];

/** Newest first, before an id. */
export function providersForOperator(db: Db, filter: ProviderFilter): Promise<ShownProvider[]> {
  const { admission, search, beforeId, limit } = filter;
  const where = and(
    admission ? eq(providers.admission, admission) : ne(providers.admission, "removed"),
    search === null ? undefined : matching(search, SEARCHED),
    beforeId ? lt(providers.id, beforeId) : undefined,
  );
  return shown(db, where, limit);
}

export async function countAdmissions(db: Db): Promise<Map<Admission, number>> {
  const rows = await db
    .select({ admission: providers.admission, count: count() })
    .from(providers)
    .groupBy(providers.admission);
  return new Map(rows.map(({ admission, count }) => [admission, count]));
}

/** Of either kind. */
export async function countLiveExecutions(db: Db, ids: readonly ProviderId[]): Promise<Map<ProviderId, number>> {
  const { providerId } = holdings;
  const rows = await db
    .select({ providerId, count: count() })
    .from(holdings)
    .where(inArray(providerId, [...ids]))
    .groupBy(providerId);
  return new Map(rows.map(({ providerId, count }) => [providerId, count]));
}

export interface Quarantine {
  readonly since: Date;
  readonly reason: string;
}

export async function quarantinesOf(db: Db, ids: readonly ProviderId[]): Promise<Map<ProviderId, Quarantine>> {
  const { providerId, quarantinedAt, quarantineReason: reason } = providerEvidence;
  const rows = await db
    .select({ providerId, since: quarantinedAt, reason })
    .from(providerEvidence)
    .where(and(inArray(providerId, [...ids]), isNotNull(quarantinedAt)));
  return new Map(rows.flatMap(({ providerId, since, reason }) => (since ? [[providerId, { since, reason }]] : [])));
}

/** Batch jobs that want machines now, the broker's own checks too. @returns how many, and since when the oldest does */
export async function batchQueue(db: Db): Promise<{ readonly waiting: number; readonly oldest: Date | null }> {
  const oldest = sql<Date | null>`min(${batchJobs.waitingSince})`.mapWith(batchJobs.waitingSince);
  const [row] = await db.select({ waiting: count(), oldest }).from(batchJobs).where(gt(batchJobs.copiesWanted, 0));
  return { waiting: row?.waiting ?? 0, oldest: row?.oldest ?? null };
}

/** Events with these codes since a moment, by subject. */
export async function countEventsOf(
  db: Db,
  subjects: readonly string[],
  codes: readonly string[],
  since: Date,
): Promise<Map<string, number>> {
  const rows = await db
    .select({ subject: events.subject, count: count() })
    .from(events)
    .where(
      and(
        inArray(events.subject, [...subjects]),
        inArray(events.code, [...codes]),
        sql`${events.at} >= ${since.toISOString()}`,
      ),
    )
    .groupBy(events.subject);
  return new Map(rows.map(({ subject, count }) => [subject, count]));
}

/** Names of other machines whose drivers show one of the same GPUs. What its owner merely declared proves nothing. */
export async function sharersOf(db: Db, ids: readonly ProviderId[]): Promise<Map<ProviderId, string[]>> {
  const others = alias(gpus, "others");
  const rows = await db
    .selectDistinct({ providerId: gpus.providerId, name: providers.name })
    .from(gpus)
    .innerJoin(others, and(eq(others.uuid, gpus.uuid), ne(others.providerId, gpus.providerId)))
    .innerJoin(providers, eq(providers.id, others.providerId))
    .where(
      and(
        inArray(gpus.providerId, [...ids]),
        eq(gpus.present, true),
        eq(gpus.declared, false),
        eq(others.present, true),
        eq(others.declared, false),
        ne(providers.admission, "removed"),
      ),
    )
    .orderBy(asc(providers.name));
  const sharers = new Map<ProviderId, string[]>();
  for (const { providerId, name } of rows) sharers.set(providerId, [...(sharers.get(providerId) ?? []), name]);
  return sharers;
}

const told = { event: events, providerName: providers.name };
export type ToldEvent = { readonly event: typeof events.$inferSelect; readonly providerName: string | null };

interface EventPage {
  readonly beforeId: number | null;
  readonly limit: number;
}

/** Events of one subject with one of these codes, newest first. */
export function eventsOfSubject(
  db: Db,
  subject: string,
  codes: readonly string[],
  { beforeId, limit }: EventPage,
): Promise<ToldEvent[]> {
  const before = beforeId === null ? undefined : lt(events.id, beforeId);
  return db
    .select(told)
    .from(events)
    .leftJoin(providers, eq(providers.id, events.subject))
    .where(and(eq(events.subject, subject), inArray(events.code, [...codes]), before))
    .orderBy(desc(events.id))
    .limit(limit);
}

/**
 * Events with one of these codes, newest first: so many of each code from its own end of the index, then the newest of
 * those. A code is asked for as a span and ordered by, so that only the index of codes fits: with `=` the planner may
 * read all events backwards for a code that never happened.
 */
export function eventsByCode(db: Db, codes: readonly string[], { beforeId, limit }: EventPage): Promise<ToldEvent[]> {
  const wanted = sql`wanted.code`;
  const before = beforeId === null ? undefined : lt(events.id, beforeId);
  const newest = db
    .select()
    .from(events)
    .where(and(gte(events.code, wanted), lte(events.code, wanted), before))
    .orderBy(desc(events.code), desc(events.id))
    .limit(limit)
    .as("newest");
  const { id, subject, code, message, data, actor, at } = newest;
  return db
    .select({ event: { id, subject, code, message, data, actor, at }, providerName: providers.name })
    .from(sql`jsonb_array_elements_text(${JSON.stringify(codes)}::jsonb) as wanted(code)`)
    .innerJoinLateral(newest, sql`true`)
    .leftJoin(providers, eq(providers.id, newest.subject))
    .orderBy(desc(newest.id))
    .limit(limit);
}

/** What somebody decided, newest first. */
export function decidedEvents(db: Db, { beforeId, limit }: EventPage): Promise<ToldEvent[]> {
  return db
    .select(told)
    .from(events)
    .leftJoin(providers, eq(providers.id, events.subject))
    .where(and(isNotNull(events.actor), beforeId === null ? undefined : lt(events.id, beforeId)))
    .orderBy(desc(events.id))
    .limit(limit);
}

function appealRows(db: Db) {
  return db
    .select({ appeal: appeals, event: reputationEvents, providerName: providers.name })
    .from(appeals)
    .innerJoin(reputationEvents, eq(reputationEvents.id, appeals.reputationEventId))
    .innerJoin(providers, eq(providers.id, appeals.providerId))
    .$dynamic();
}
export type AppealWithEvent = Awaited<ReturnType<typeof appealRows>>[number];

/** Without an answer, oldest first, after an id. */
export function openAppeals(db: Db, afterId: number, limit: number): Promise<AppealWithEvent[]> {
  return appealRows(db)
    .where(and(isNull(appeals.decision), gt(appeals.id, afterId)))
    .orderBy(asc(appeals.id))
    .limit(limit);
}

/** With an answer, newest first, before an id. */
export function answeredAppeals(db: Db, beforeId: number | null, limit: number): Promise<AppealWithEvent[]> {
  return appealRows(db)
    .where(and(isNotNull(appeals.decision), beforeId === null ? undefined : lt(appeals.id, beforeId)))
    .orderBy(desc(appeals.id))
    .limit(limit);
}

export async function findAppealWithEvent(db: Db, id: number): Promise<AppealWithEvent | null> {
  const [row] = await appealRows(db).where(eq(appeals.id, id));
  return row ?? null;
}
