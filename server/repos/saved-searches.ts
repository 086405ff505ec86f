// Searches that people keep, and the alerts they raise.
import { and, desc, eq, isNull, lt, sql } from "drizzle-orm";
import type { SavedSearchId } from "../../domain/ids.ts";
import { alerts, savedSearches } from "../../drizzle/schema/search.ts";
import type { Db, Tx } from "../deps.ts";

export type SavedSearchRow = typeof savedSearches.$inferSelect;
export type AlertRow = typeof alerts.$inferSelect;

/** @returns false where the account has one of this name */
export async function insertSavedSearch(tx: Tx, row: SavedSearchRow): Promise<boolean> {
  const inserted = await tx.insert(savedSearches).values(row).onConflictDoNothing().returning({ id: savedSearches.id });
  return inserted.length > 0;
}

export function countSavedSearches(tx: Tx, account: string): Promise<number> {
  return tx.$count(savedSearches, eq(savedSearches.account, account));
}

/** Newest first. */
export function savedSearchesOf(db: Db, account: string): Promise<SavedSearchRow[]> {
  return db.select().from(savedSearches).where(eq(savedSearches.account, account)).orderBy(desc(savedSearches.id));
}

/** With its alerts. @returns false where the account has no such search */
export async function deleteSavedSearchRow(db: Db, account: string, id: SavedSearchId): Promise<boolean> {
  const deleted = await db
    .delete(savedSearches)
    .where(and(eq(savedSearches.id, id), eq(savedSearches.account, account)))
    .returning({ id: savedSearches.id });
  return deleted.length > 0;
}

/**
 * Takes searches that nobody looked at since `before`, and stamps them: nobody else takes them meanwhile.
 * @param limit of one taking
 */
export function takeDueSearches(db: Db, now: Date, before: Date, limit: number): Promise<SavedSearchRow[]> {
  const due = db
    .select({ id: savedSearches.id })
    .from(savedSearches)
    .where(
      sql`${savedSearches.checkedAt} is null or ${savedSearches.checkedAt} <= ${before.toISOString()}::timestamptz`,
    )
    .orderBy(sql`${savedSearches.checkedAt} nulls first`)
    .limit(limit)
    .for("update", { skipLocked: true });
  return db.update(savedSearches).set({ checkedAt: now }).where(sql`${savedSearches.id} in (${due})`).returning();
}

/** What a look found, of one search. */
export interface Looked {
  readonly id: SavedSearchId;
  readonly matches: number;
  readonly lowestPrice: bigint | null;
  readonly alerting: boolean;
  /** told to its owner where this is the edge */
  readonly message: string;
  readonly data: AlertRow["data"];
}

/**
 * Writes what a look found, and an alert for each search that began to be alerting. A search that somebody else took
 * since `takenAt` is theirs: nothing is written for it.
 * @returns how many alerts were raised
 */
export async function writeLook(db: Db, looked: readonly Looked[], takenAt: Date): Promise<number> {
  const given = JSON.stringify(looked, (_, value) => (typeof value === "bigint" ? `${value}` : value));
  const raised = await db.execute(sql`
    with looked as (
      select * from jsonb_to_recordset(${given}::jsonb)
        as l(id text, matches int, "lowestPrice" bigint, alerting boolean, message text, data jsonb)),
    before as (
      select s.id, s.alerting from saved_searches s join looked using (id)
      where s.checked_at = ${takenAt.toISOString()}::timestamptz order by s.id for update of s),
    written as (
      update saved_searches s set matches = l.matches, lowest_price = l."lowestPrice", alerting = l.alerting
      from looked l join before b using (id) where s.id = l.id
      returning s.id, s.account, l.alerting and not b.alerting as fires, l.message, l.data)
    insert into alerts (account, saved_search_id, message, data, at)
      select account, id, message, data, ${takenAt.toISOString()}::timestamptz from written where fires order by id
    returning id`);
  return raised.length;
}

/** Newest first. */
export function alertsOf(db: Db, account: string, page: { readonly before: number | null; readonly limit: number }) {
  return db
    .select()
    .from(alerts)
    .where(and(eq(alerts.account, account), page.before === null ? undefined : lt(alerts.id, page.before)))
    .orderBy(desc(alerts.id))
    .limit(page.limit);
}

export function countUnread(db: Db, account: string): Promise<number> {
  return db.$count(alerts, and(eq(alerts.account, account), isNull(alerts.readAt)));
}

export async function markRead(db: Db, account: string, now: Date): Promise<void> {
  await db
    .update(alerts)
    .set({ readAt: now })
    .where(and(eq(alerts.account, account), isNull(alerts.readAt)));
}

export async function forgetAlerts(db: Db, before: Date): Promise<void> {
  await db.delete(alerts).where(lt(alerts.at, before));
}
