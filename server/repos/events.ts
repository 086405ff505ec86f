// The append-only events, by subject. The table's trigger wakes whoever waits for the subject.
import { and, asc, count, eq, gt, inArray, lte, max, sql } from "drizzle-orm";
import { events } from "../../drizzle/schema/event.ts";
import type { Db, Tx } from "../deps.ts";

export interface NewEvent {
  readonly subject: string;
  readonly code: string;
  readonly message: string;
  readonly data?: Readonly<Record<string, string | number | boolean | null>>;
  /** the account that decided it */
  readonly actor?: string;
  readonly at: Date;
}

export async function recordEvent(tx: Tx, event: NewEvent): Promise<void> {
  await tx.insert(events).values({ ...event, data: event.data ?? {} });
}

/** Many in one statement, in this order. */
export async function recordEvents(tx: Tx, all: readonly NewEvent[]): Promise<void> {
  if (all.length === 0) return;
  await tx.execute(sql`
    insert into events (subject, code, message, data, actor, at)
    select subject, code, message, coalesce(data, '{}'), actor, at
    from jsonb_to_recordset(${JSON.stringify(all)}::jsonb) as e(subject text, code text, message text, data jsonb, actor text,
      at timestamptz)`);
}

/** Events of a subject after an id, oldest first. */
export function eventsAfter(db: Db | Tx, subject: string, afterId: number, limit: number) {
  return db
    .select()
    .from(events)
    .where(and(eq(events.subject, subject), gt(events.id, afterId)))
    .orderBy(asc(events.id))
    .limit(limit);
}

/** How many events there are with each of these codes, of those with ids in (after, upTo]. */
export async function countByCode(
  db: Db,
  codes: readonly string[],
  { after, upTo }: { readonly after: number; readonly upTo: number },
): Promise<Map<string, number>> {
  const rows = await db
    .select({ code: events.code, count: count() })
    .from(events)
    .where(and(inArray(events.code, [...codes]), gt(events.id, after), lte(events.id, upTo)))
    .groupBy(events.code);
  return new Map(rows.map(({ code, count }) => [code, count]));
}

/** The id of the newest event that is seen; 0 where there is none. */
export async function newestEventId(db: Db): Promise<number> {
  const [row] = await db.select({ id: max(events.id) }).from(events);
  return row?.id ?? 0;
}
