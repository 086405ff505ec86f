// Usage over time: copied once a minute from the newest beats, read back thinned.
import { and, asc, eq, gte, sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import { providerSamples, providers } from "../../drizzle/schema/provider.ts";
import type { Db } from "../deps.ts";

export type SampleRow = typeof providerSamples.$inferSelect;

const LARGEST_INT = 2_147_483_647;

/**
 * Copies the newest usage of everybody heard since then, in one statement, unless that minute was written already.
 * A machine may tell any number: one that no column holds must not spoil the minute of all others.
 * @param minute a whole minute
 * @returns how many were written
 */
export async function copyUsage(db: Db, minute: Date, heardSince: Date): Promise<number> {
  const written = await db.execute(sql`
    insert into provider_samples (provider_id, at, cpu_percent, memory_used_mb, gpus)
    select pp.provider_id, ${minute.toISOString()}::timestamptz, (pp.usage->>'cpu_percent')::real,
      least((pp.usage->>'memory_used_mb')::numeric, ${LARGEST_INT})::integer, coalesce(used.gpus, '[]'::jsonb)
    from provider_presence pp
    left join lateral (
      select jsonb_agg(jsonb_build_object('index', g.index, 'utilization_percent', u.utilization_percent,
        'memory_used_mb', u.memory_used_mb) order by g.index) as gpus
      from jsonb_to_recordset(pp.usage->'gpus') as u(uuid text, utilization_percent double precision, memory_used_mb numeric)
      join gpus g on g.provider_id = pp.provider_id and g.uuid = u.uuid and g.present
    ) used on true
    where pp.last_seen_at >= ${heardSince.toISOString()}::timestamptz and pp.usage ? 'cpu_percent'
      and not exists (select from provider_samples where at = ${minute.toISOString()}::timestamptz)
    order by pp.provider_id
    on conflict do nothing
    returning provider_id`);
  return written.length;
}

/** Oldest first since then; at most `most`, every so many-th, the newest always among them. */
export function samplesSince(db: Db, providerId: ProviderId, since: Date, most: number): Promise<SampleRow[]> {
  const numbered = db
    .select({
      at: providerSamples.at,
      n: sql<number>`row_number() over (order by ${providerSamples.at})`.as("n"),
      of: sql<number>`count(*) over ()`.as("of"),
    })
    .from(providerSamples)
    .where(and(eq(providerSamples.providerId, providerId), gte(providerSamples.at, since)))
    .as("numbered");
  return db
    .select({
      providerId: providerSamples.providerId,
      at: providerSamples.at,
      cpuPercent: providerSamples.cpuPercent,
      memoryUsedMb: providerSamples.memoryUsedMb,
      gpus: providerSamples.gpus,
    })
    .from(providerSamples)
    .innerJoin(numbered, eq(numbered.at, providerSamples.at))
    .where(
      and(
        eq(providerSamples.providerId, providerId),
        sql`${numbered.n} * ${most} / ${numbered.of} > (${numbered.n} - 1) * ${most} / ${numbered.of}`,
      ),
    )
    .orderBy(asc(providerSamples.at));
}

export async function ownerOf(db: Db, id: ProviderId): Promise<string | null> {
  const [row] = await db.select({ owner: providers.owner }).from(providers).where(eq(providers.id, id));
  return row?.owner ?? null;
}
