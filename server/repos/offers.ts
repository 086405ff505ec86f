// Offers: recomputed from what they stand for, and matched to wishes by the database just as domain/placement does.
import { and, asc, desc, eq, gte, isNull, max, ne, notInArray, or, type SQL, sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import { coresBilled } from "../../domain/money/quote.ts";
import { FILTER_NAMES, type FilterName, type Offer, type PlacementWish } from "../../domain/placement/filters.ts";
import type { Removed } from "../../domain/placement/rank.ts";
import { isExternal, isNode, RUNTIMES } from "../../domain/provider/state.ts";
import { offers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";
import { textArray } from "./arrays.ts";

/** More are never tried in one rental. */
const MOST_CANDIDATES = 200;

const COLUMNS = sql.raw(`provider_id, gpu_model, provider_name, vram_mb, total_gpus, free_gpus, in_use_gpus,
  free_cpu_cores, free_memory_gb, free_disk_gb, region, reputation, available, admission, presence, drain, busy_from, offline_since,
  declared, sandboxed, runtime, price_per_gpu_hour, price_per_cpu_hour`);

/**
 * The offers as they should be: one a model, of GPUs that are there or held, and one of cores only.
 * Free GPUs are present and unheld, and no more than the cluster offers where the machine is its node; free cores, memory
 * and disk are total minus what live executions of either kind hold.
 */
function computed(ofProviders: SQL) {
  return sql`
    select p.id as provider_id, g.gpu_model, p.name as provider_name, g.vram_mb, g.total_gpus, g.free_gpus, g.in_use_gpus,
      greatest(0, p.cpu_cores - used.cores)::int as free_cpu_cores,
      greatest(0, p.memory_gb - used.memory)::int as free_memory_gb,
      greatest(0, p.disk_gb - used.disk)::int as free_disk_gb,
      p.region, p.reputation, (p.admission = 'approved' and p.presence = 'online' and p.drain = 'none' and not exists (
        select 1 from provider_evidence e where e.provider_id = p.id and e.quarantined_at is not null)) as available, p.admission, p.presence,
      p.drain, windows.busy_from, p.offline_since, g.declared, p.sandboxed, p.runtime, p.price_per_gpu_hour, p.price_per_cpu_hour
    from providers p
    cross join lateral (
      select coalesce(sum(h.cpu_cores), 0) as cores, coalesce(sum(h.memory_gb), 0) as memory, coalesce(sum(h.disk_gb), 0) as disk
      from holdings h where h.provider_id = p.id) used
    cross join lateral (
      select min(starts_at) as busy_from from maintenance_windows w
      where w.provider_id = p.id and w.closed_at is null) windows
    cross join lateral (
      select model as gpu_model, min(vram_mb) as vram_mb, count(*)::int as total_gpus,
        (count(*) filter (where execution_id is null))::int as free_gpus,
        (count(*) filter (where execution_id is not null))::int as in_use_gpus, bool_or(declared) as declared
      from (
        select g.*, row_number() over (order by (g.execution_id is null), g.index, g.id) as nth
        from gpus g where g.provider_id = p.id and (g.present or g.execution_id is not null)) there
      where execution_id is not null or nth <= coalesce(
        (select n.allocatable_gpus from provider_nodes n where n.provider_id = p.id), 2147483647) -- what its cluster offers
      group by model
      union all
      select '', 0, 0, 0, 0, false where p.cpu_cores > 0) g
    where p.admission <> 'removed' and ${ofProviders}`;
}

/**
 * Makes a provider's offers what they should be. Call it in every transaction that changes a GPU, a provider or what
 * its executions hold, after the change. The provider is locked, so that two such changes see each other.
 * @returns how many rows were not right
 */
export function recomputeOffers(tx: Tx, providerId: ProviderId): Promise<number> {
  return recomputeManyOffers(tx, [providerId]);
}

/** The same for many providers in one statement; they are locked in the order of their ids. */
export async function recomputeManyOffers(tx: Tx, providerIds: readonly ProviderId[]): Promise<number> {
  if (providerIds.length === 0) return 0;
  const ids = textArray(providerIds);
  await tx.execute(sql`select 1 from providers where id = any(${ids}) order by id for no key update`);
  const changed = await tx.execute(sql`
    with right_now as (${computed(sql`p.id = any(${ids})`)}),
    gone as (
      delete from offers o where o.provider_id = any(${ids})
        and not exists (select 1 from right_now r where r.gpu_model = o.gpu_model) returning 1),
    written as (
      insert into offers as o (${COLUMNS}) select ${COLUMNS} from right_now
      on conflict (provider_id, gpu_model) do update set
        provider_name = excluded.provider_name, vram_mb = excluded.vram_mb, total_gpus = excluded.total_gpus,
        free_gpus = excluded.free_gpus, in_use_gpus = excluded.in_use_gpus, free_cpu_cores = excluded.free_cpu_cores,
        free_memory_gb = excluded.free_memory_gb, free_disk_gb = excluded.free_disk_gb, region = excluded.region,
        reputation = excluded.reputation, available = excluded.available, admission = excluded.admission,
        presence = excluded.presence, drain = excluded.drain, busy_from = excluded.busy_from, offline_since = excluded.offline_since, declared = excluded.declared,
        sandboxed = excluded.sandboxed, runtime = excluded.runtime, price_per_gpu_hour = excluded.price_per_gpu_hour,
        price_per_cpu_hour = excluded.price_per_cpu_hour
      where o is distinct from excluded returning 1)
    select 1 from gone union all select 1 from written`);
  return changed.length;
}

/** The most memory and disk, in GB, that one offer of these GPUs has free; 0 where there is none. */
export async function mostFree(db: Db, { gpuModel, gpuCount }: { gpuModel: string | null; gpuCount: number }) {
  const [most] = await db
    .select({ memoryGb: max(offers.freeMemoryGb), storageGb: max(offers.freeDiskGb) })
    .from(offers)
    .where(
      and(
        eq(offers.gpuModel, gpuModel ?? ""),
        ne(offers.runtime, "external"),
        gte(offers.freeGpus, gpuCount),
        eq(offers.available, true),
      ),
    );
  return { memoryGb: most?.memoryGb ?? 0, storageGb: most?.storageGb ?? 0 };
}

/** Providers whose stored offers differ from what they should be. */
export async function driftedProviders(db: Db): Promise<ProviderId[]> {
  const rows = await db.execute<{ id: ProviderId }>(sql`
    with right_now as (${computed(sql`true`)}), stored as (select ${COLUMNS} from offers)
    select distinct provider_id as id from (
      (select * from right_now except select * from stored) union all (select * from stored except select * from right_now)
    ) differing`);
  return rows.map(({ id }) => id);
}

const OFFER = {
  providerId: offers.providerId,
  providerName: offers.providerName,
  gpuModel: sql<string | null>`nullif(${offers.gpuModel}, '')`,
  vramMb: offers.vramMb,
  totalGpus: offers.totalGpus,
  freeGpus: offers.freeGpus,
  freeCpuCores: offers.freeCpuCores,
  freeMemoryGb: offers.freeMemoryGb,
  freeDiskGb: offers.freeDiskGb,
  region: offers.region,
  reputation: offers.reputation,
  available: offers.available,
  busyFrom: offers.busyFrom,
  sandboxed: offers.sandboxed,
  runtime: offers.runtime,
  pricePerGpuHour: offers.pricePerGpuHour,
  pricePerCpuHour: offers.pricePerCpuHour,
};

/** `rateOf` in SQL. The cores billed follow from the wish alone, so that the domain's own function gives them. */
function rateSql(wish: PlacementWish): SQL {
  return sql`(${offers.pricePerGpuHour} * ${wish.gpuCount}::bigint + ${offers.pricePerCpuHour} * ${coresBilled(wish)}::bigint)`;
}

/** The filters of domain/placement/filters.ts as conditions; undefined where a wish does not ask. */
function conditions(wish: PlacementWish): Record<FilterName, SQL | undefined> {
  return {
    provider: wish.providerId === null ? undefined : eq(offers.providerId, wish.providerId),
    gpu_type:
      wish.gpuModel === null
        ? undefined
        : sql`nullif(${offers.gpuModel}, '') is not distinct from ${wish.gpuModel}::text`,
    min_vram_mb: gte(offers.vramMb, wish.minVramMb),
    gpu_count: gte(offers.freeGpus, wish.gpuCount),
    cpu_cores: gte(offers.freeCpuCores, wish.cpuCores),
    memory_gb: gte(offers.freeMemoryGb, wish.memoryGb),
    storage_gb: gte(offers.freeDiskGb, wish.diskGb),
    max_price: wish.maxRate === null ? undefined : sql`${rateSql(wish)} <= ${wish.maxRate.toString()}::bigint`,
    status: eq(offers.available, true),
    sandbox: wish.needsSandbox ? eq(offers.sandboxed, true) : undefined,
    duration: or(isNull(offers.busyFrom), gte(offers.busyFrom, wish.until)),
    tenant_limit: wish.gpuCount <= wish.nodeGpusLeft ? undefined : notInArray(offers.runtime, RUNTIMES.filter(isNode)),
  };
}

/** `isOfKind`: GPUs, or cores only, of a machine that can be rented. */
function ofKind(wish: PlacementWish): SQL | undefined {
  const kind = wish.gpuCount === 0 ? eq(offers.gpuModel, "") : ne(offers.gpuModel, "");
  return and(notInArray(offers.runtime, RUNTIMES.filter(isExternal)), kind);
}

/** What fits a wish, in the order of `rank`. Unlocked: an order to try, not a promise. */
export function candidateOffers(db: Db | Tx, wish: PlacementWish): Promise<Offer[]> {
  return db
    .select(OFFER)
    .from(offers)
    .where(and(ofKind(wish), ...Object.values(conditions(wish))))
    .orderBy(
      asc(rateSql(wish)),
      desc(offers.reputation),
      asc(offers.freeGpus),
      sql`${offers.providerId} collate "C"`,
      sql`${offers.gpuModel} collate "C"`,
    )
    .limit(MOST_CANDIDATES);
}

/** How many offers are of the kind, how many fit, and how many each filter alone keeps away, as `rank` counts them. */
export async function explainOffers(
  db: Db | Tx,
  wish: PlacementWish,
): Promise<{ considered: number; fitting: number; removed: Removed }> {
  const asked = conditions(wish);
  const misses = sql.join(
    FILTER_NAMES.map((name) => sql`(not ${asked[name] ?? sql`true`})::int as ${sql.identifier(name)}`),
    sql`, `,
  );
  const all = sql.join(
    FILTER_NAMES.map((name) => sql.identifier(name)),
    sql` + `,
  );
  const alone = sql.join(
    FILTER_NAMES.map(
      (name) =>
        sql`(count(*) filter (where missed = 1 and ${sql.identifier(name)} = 1))::int as ${sql.identifier(name)}`,
    ),
    sql`, `,
  );
  const [row] = await db.execute<Record<FilterName | "considered" | "fitting", number>>(sql`
    select count(*)::int as considered, (count(*) filter (where missed = 0))::int as fitting, ${alone}
    from (select *, ${all} as missed from (select ${misses} from ${offers} where ${ofKind(wish)}) each_filter) counted`);
  if (!row) return { considered: 0, fitting: 0, removed: {} };
  const removed: Removed = {};
  for (const name of FILTER_NAMES) if (row[name] > 0) removed[name] = row[name];
  return { considered: row.considered, fitting: row.fitting, removed };
}

/** Sums over the market of approved providers, and the lowest price of a GPU that is free now. */
export async function marketTotals(db: Db, gpuModel: string | null) {
  const [row] = await db.execute<{
    free: number;
    total: number;
    in_use: number;
    online: number;
    providers: number;
    lowest_model: string | null;
    lowest: string | null;
  }>(sql`
    with admitted as (select * from offers where admission = 'approved' and runtime <> 'external'),
    cheapest as (
      select gpu_model, price_per_gpu_hour from admitted
      where available and free_gpus > 0 and gpu_model <> '' and (${gpuModel}::text is null or gpu_model = ${gpuModel})
      order by price_per_gpu_hour, provider_id limit 1)
    select (coalesce(sum(free_gpus) filter (where available), 0))::int as free, coalesce(sum(total_gpus), 0)::int as total,
      coalesce(sum(in_use_gpus), 0)::int as in_use, (count(distinct provider_id) filter (where available))::int as online,
      (count(distinct provider_id))::int as providers, (select gpu_model from cheapest) as lowest_model,
      (select price_per_gpu_hour::text from cheapest) as lowest
    from admitted`);
  return row;
}
