// Who waits for whom in PostgreSQL, for tests that make two transactions meet.
import { sql } from "drizzle-orm";
import type { Db } from "../deps.ts";

/** Resolves once so many transactions of this database wait for a lock; other tests share its server. */
export async function waitingForLocks(db: Db, count: number): Promise<void> {
  for (;;) {
    const [row] = await db.execute<{ n: number }>(sql`
      select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
    if ((row?.n ?? 0) >= count) return;
    await new Promise((wake) => setTimeout(wake, 5));
  }
}
