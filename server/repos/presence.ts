// Signs of life, many at once: written in batches, read for who is silent and who still holds what has ended.
import { and, asc, eq, gt, inArray, lte, ne, sql } from "drizzle-orm";
import type { ExecutionId, ProviderId } from "../../domain/ids.ts";
import type { Admission, Presence, Runtime } from "../../domain/provider/state.ts";
import { events } from "../../drizzle/schema/event.ts";
import { listening, providerPresence, providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";
import { beginnings, type Started } from "./batch-news.ts";
import { HOLDING_STATUSES } from "./providers.ts";

export type PresenceRow = typeof providerPresence.$inferSelect;
export type Beat = Omit<PresenceRow, "instanceBefore">;
/** What the beat before said. */
export type LastBeat = Pick<
  PresenceRow,
  "providerId" | "report" | "reportedGeneration" | "instance" | "instanceBefore"
>;

/**
 * Locked by provider, so that two processes with beats of the same ones take turns. Each is looked up by its key: left
 * the choice, the planner reads the whole table for a batch.
 */
export async function lockLastBeats(tx: Tx, ids: readonly ProviderId[]): Promise<LastBeat[]> {
  const rows = await tx.execute<LastBeat>(sql`
    select pp.provider_id as "providerId", pp.report, pp.reported_generation as "reportedGeneration", pp.instance,
      pp.instance_before as "instanceBefore"
    from jsonb_array_elements_text(${JSON.stringify([...ids].sort())}::jsonb) as asked(id)
    cross join lateral (select * from provider_presence where provider_id = asked.id for update) pp`);
  return [...rows];
}

/** A provider as it stood when its beat was written. */
export type Standing = {
  readonly id: ProviderId;
  readonly admission: Admission;
  readonly admissionReason: string;
  readonly presence: Presence;
  readonly runtime: Runtime;
  readonly generation: number;
  /** another one whenever the provider's row was written; comparable for equality only */
  readonly version: string;
  /** whether the beat counts: newer than the last one, of a machine that was not removed */
  readonly taken: boolean;
};

/**
 * Writes beats in one statement. A beat whose `seq` is not above the last one changes nothing, nor does one of nobody or
 * of a removed machine. What has no instance (a message of the streams) leaves the last one in place.
 * @param beats at most one a provider
 * @returns every provider that exists
 */
export async function writeBeats(tx: Tx, beats: readonly Beat[]): Promise<Map<ProviderId, Standing>> {
  const rows = JSON.stringify(beats.map((beat) => ({ ...beat, lastSeenAt: beat.lastSeenAt.toISOString() })));
  const standing = await tx.execute<Standing>(sql`
    with b as materialized (
      select p.id, b."lastSeenAt", b.seq, b.report, b."reportedGeneration", b.usage, b.instance,
        p.admission, p.admission_reason, p.presence, p.runtime, p.generation, p.xmin::text as version
      from jsonb_to_recordset(${rows}::jsonb) as b("providerId" text, "lastSeenAt" timestamptz, seq bigint, report jsonb,
        "reportedGeneration" integer, usage jsonb, instance text)
      cross join lateral (select *, xmin from providers where id = b."providerId" limit 1) p),
    written as (
      insert into provider_presence (provider_id, last_seen_at, seq, report, reported_generation, usage, instance)
      select id, "lastSeenAt", seq, report, "reportedGeneration", usage, instance from b
      where admission <> 'removed' order by id
      on conflict (provider_id) do update set last_seen_at = excluded.last_seen_at, seq = excluded.seq,
        report = excluded.report, reported_generation = excluded.reported_generation, usage = excluded.usage,
        instance = case when excluded.instance = '' then provider_presence.instance else excluded.instance end,
        instance_before = case when excluded.instance in ('', provider_presence.instance)
          then provider_presence.instance_before else provider_presence.instance end
      where excluded.seq > provider_presence.seq
      returning provider_id)
    select b.id, b.admission, b.admission_reason as "admissionReason", b.presence, b.runtime, b.generation, b.version,
      w.provider_id is not null as taken
    from b left join written w on w.provider_id = b.id`);
  return new Map(standing.map((one) => [one.id, one]));
}

/** What a beat may be about: news of these executions, and of all that these providers should run but leave out. */
export interface News {
  readonly providerId: ProviderId;
  readonly changed: readonly ExecutionId[];
  /** null where what is left out tells nothing new */
  readonly reported: readonly ExecutionId[] | null;
  /** of those that changed, the batch executions whose program runs now */
  readonly started: readonly Started[];
}

/** Makes live rentals due because their own provider has news of them, and begins batch executions. @returns which are due */
export async function wakeByNews(tx: Tx, news: readonly News[], now: Date): Promise<ExecutionId[]> {
  if (news.length === 0) return [];
  const rows = await tx.execute<{ id: ExecutionId }>(sql`
    with n as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(news)}::jsonb)
        as n("providerId" text, changed jsonb, reported jsonb, started jsonb)),
    due as (
      update executions e set next_reconcile_at = ${now.toISOString()}::timestamptz, reconcile_attempts = 0 from n
      where e.provider_id = n."providerId" and e.status in (${HOLDING_STATUSES})
        and (n.changed @> to_jsonb(e.id) or (jsonb_typeof(n.reported) = 'array' and not n.reported @> to_jsonb(e.id)))
      returning e.id),
    ${beginnings(now)}
    select id from due`);
  return rows.map(({ id }) => id);
}

/** Makes all that lives on a provider due. @returns which */
export async function wakeLiveOn(tx: Tx, providerId: ProviderId, now: Date): Promise<ExecutionId[]> {
  const rows = await tx.execute<{ id: ExecutionId }>(sql`
    update executions set next_reconcile_at = ${now.toISOString()}::timestamptz, reconcile_attempts = 0
    where provider_id = ${providerId} and status in (${HOLDING_STATUSES}) returning id`);
  return rows.map(({ id }) => id);
}

/** Whether a provider's last report holds an execution that does not live there: ended by the broker, or never known. */
export async function reportsGhosts(tx: Tx, providerId: ProviderId): Promise<boolean> {
  const [row] = await tx.execute<{ ghosts: boolean }>(sql`
    select exists (
      select 1 from provider_presence pp, jsonb_array_elements(pp.report) as each(item)
      where pp.provider_id = ${providerId} and not exists (
        select 1 from executions e where e.id = item->>'id' and e.provider_id = pp.provider_id
          and e.status in (${HOLDING_STATUSES}))
        and not exists (
        select 1 from batch_executions e where e.id = item->>'id' and e.provider_id = pp.provider_id
          and e.status in ('scheduled', 'running'))) as ghosts`);
  return row?.ghosts ?? false;
}

/** Providers that are taken for present and were last heard this long before the broker's last stamp. */
export async function silentProviders(db: Db, ms: number): Promise<ProviderId[]> {
  const rows = await db
    .select({ id: providers.id })
    .from(providers)
    .innerJoin(providerPresence, eq(providerPresence.providerId, providers.id))
    .innerJoin(listening, eq(listening.one, 1))
    .where(
      and(
        inArray(providers.presence, ["online", "joined"]),
        ne(providers.runtime, "kubernetes"), // the Node object decides about those
        ne(providers.admission, "removed"),
        lte(providerPresence.lastSeenAt, sql`${listening.until} - interval '1 millisecond' * ${ms}::int`),
      ),
    )
    .orderBy(asc(providers.id));
  return rows.map(({ id }) => id);
}

/** The last beat of one provider, locked against the next one. */
export async function lockLastSeen(tx: Tx, providerId: ProviderId): Promise<Date | null> {
  const [row] = await tx
    .select({ lastSeenAt: providerPresence.lastSeenAt })
    .from(providerPresence)
    .where(eq(providerPresence.providerId, providerId))
    .for("update");
  return row?.lastSeenAt ?? null;
}

/** The number of the last beat that was taken. */
export async function sequenceOf(tx: Tx, providerId: ProviderId): Promise<number | null> {
  const [row] = await tx
    .select({ seq: providerPresence.seq })
    .from(providerPresence)
    .where(eq(providerPresence.providerId, providerId));
  return row?.seq ?? null;
}

/** Whether an event of this code was recorded about a provider after a moment. */
export async function toldSince(db: Db | Tx, id: ProviderId, code: string, since: Date): Promise<boolean> {
  const rows = await db
    .select({ id: events.id })
    .from(events)
    .where(and(eq(events.subject, id), eq(events.code, code), gt(events.at, since)))
    .limit(1);
  return rows.length > 0;
}
