// The unbroken span in which some web listened: silence outside it is the broker's own.
import { sql } from "drizzle-orm";
import { listening } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";

/** Lengthens the span, or begins a new one where the last stamp is older than the gap. */
export async function stamp(db: Db, now: Date, gapMs: number): Promise<void> {
  await db
    .insert(listening)
    .values({ one: 1, since: now, until: now })
    .onConflictDoUpdate({
      target: listening.one,
      set: {
        since: sql`case when excluded.until - ${listening.until} > interval '1 millisecond' * ${gapMs}::int
          then excluded.since else ${listening.since} end`,
        until: sql`greatest(${listening.until}, excluded.until)`,
      },
    });
}

/** @returns null before the first stamp */
export async function listeningSpan(db: Db | Tx): Promise<{ since: Date; until: Date } | null> {
  const [row] = await db.select({ since: listening.since, until: listening.until }).from(listening);
  return row ?? null;
}
