// What a provider's uptime is made of: when it was first seen, and when it was out of reach.
import { and, asc, gt, inArray, isNull, or, sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import { downtimes } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";

/** Times out of reach that last or ended after a moment, in order. */
export function downtimesOf(db: Db | Tx, ids: readonly ProviderId[], endingAfter: Date) {
  return db
    .select({ providerId: downtimes.providerId, startedAt: downtimes.startedAt, endedAt: downtimes.endedAt })
    .from(downtimes)
    .where(
      and(inArray(downtimes.providerId, [...ids]), or(isNull(downtimes.endedAt), gt(downtimes.endedAt, endingAfter))),
    )
    .orderBy(asc(downtimes.startedAt));
}

/**
 * When each provider was seen for the first time; who never was has no entry. Where the event of it is forgotten, the
 * enrolment stands in: it is older than any span that is asked for.
 */
export async function firstSeen(db: Db | Tx, ids: readonly ProviderId[]): Promise<Map<ProviderId, Date>> {
  const among = sql.param(JSON.stringify(ids));
  const rows = await db.execute<{ id: ProviderId; seen_at: string }>(sql`
    select p.id, coalesce((select e.at from events e where e.subject = p.id
      and e.code in ('provider-joined', 'provider-online') order by e.id limit 1), p.created_at) as seen_at
    from providers p
    where p.id in (select jsonb_array_elements_text(${among}::jsonb)) and p.presence <> 'unseen'`);
  return new Map(rows.map(({ id, seen_at: seenAt }) => [id, new Date(seenAt)]));
}
