// The append-only events, by subject. The table's trigger wakes whoever waits for the subject.
import { and, asc, eq, gt } from "drizzle-orm";
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

/** Events of a subject after an id, oldest first. */
export function eventsAfter(db: Db | Tx, subject: string, afterId: number, limit: number) {
  return db
    .select()
    .from(events)
    .where(and(eq(events.subject, subject), gt(events.id, afterId)))
    .orderBy(asc(events.id))
    .limit(limit);
}
