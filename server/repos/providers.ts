// Providers: locked with their room for placement, found by key or id, and shown to people.
import { and, asc, desc, eq, inArray, lt, ne, type SQL, sql } from "drizzle-orm";
import { EXECUTION_STATUSES, isLive } from "../../domain/execution/state.ts";
import type { ExecutionId, GpuId, ProviderId } from "../../domain/ids.ts";
import type { ProviderRoom } from "../../domain/placement/place.ts";
import type { ProviderStatus } from "../../domain/provider/state.ts";
import { gpus, offers, providerPresence, providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";

/** Executions in these statuses hold what they were given. */
export const HOLDING_STATUSES = sql.raw(
  EXECUTION_STATUSES.filter(isLive)
    .map((status) => `'${status}'`)
    .join(", "),
);

export interface LockedProvider extends ProviderRoom {
  readonly name: string;
  readonly host: string;
  readonly owner: string;
}

/**
 * Locks a provider, then its GPUs in device order. Whoever locks more follows law 8: account, provider, GPU, execution.
 * The lock leaves foreign keys alone, so that beats and new rows that point here do not wait for it.
 */
export async function lockProvider(tx: Tx, id: ProviderId): Promise<LockedProvider | null> {
  const [row] = await tx.select().from(providers).where(eq(providers.id, id)).for("no key update");
  if (!row) return null;
  const held = await tx
    .select()
    .from(gpus)
    .where(eq(gpus.providerId, id))
    .orderBy(asc(gpus.index), asc(gpus.id))
    .for("no key update");
  const [used] = await tx.execute<{ cores: number; memory: number; disk: number }>(sql`
    select coalesce(sum(cpu_cores), 0)::int as cores, coalesce(sum(memory_gb), 0)::int as memory,
      coalesce(sum(disk_gb), 0)::int as disk
    from holdings where provider_id = ${id}`);
  const [window] = await tx.execute<{ busy_from: string | null; allocatable: number | null; quarantined: boolean }>(sql`
    select min(starts_at) as busy_from, (select allocatable_gpus from provider_nodes where provider_id = ${id}) as allocatable,
      exists (select 1 from provider_evidence where provider_id = ${id} and quarantined_at is not null) as quarantined
    from maintenance_windows where provider_id = ${id} and closed_at is null`);
  const offered = offeredGpus(held, window?.allocatable ?? held.length);
  return {
    id: row.id,
    name: row.name,
    host: row.host,
    owner: row.owner,
    busyFrom: window?.busy_from ? new Date(window.busy_from) : null,
    runtime: row.runtime,
    available:
      row.admission === "approved" && row.presence === "online" && row.drain === "none" && !window?.quarantined,
    sandboxed: row.sandboxed,
    pricePerGpuHour: row.pricePerGpuHour,
    pricePerCpuHour: row.pricePerCpuHour,
    freeCpuCores: Math.max(0, row.cpuCores - (used?.cores ?? 0)),
    freeMemoryGb: Math.max(0, row.memoryGb - (used?.memory ?? 0)),
    freeDiskGb: Math.max(0, row.diskGb - (used?.disk ?? 0)),
    gpus: held.map(({ id, index, uuid, model, vramMb, executionId, present }) => ({
      id,
      index,
      uuid,
      model,
      vramMb,
      held: executionId !== null,
      present: present && offered.has(id),
    })),
  };
}

/** A node's machine may have more GPUs than its cluster offers: those that are held count first, as in the offers. */
function offeredGpus(all: readonly (typeof gpus.$inferSelect)[], most: number): ReadonlySet<GpuId> {
  const there = all.filter(({ present, executionId }) => present || executionId !== null);
  const heldFirst = [...there.filter((gpu) => gpu.executionId), ...there.filter((gpu) => !gpu.executionId)];
  return new Set(heldFirst.slice(0, most).map(({ id }) => id));
}

/**
 * Gives GPUs to an execution. Their provider is locked, so that a GPU held already is a fault of ours: the transaction
 * fails rather than selling it twice.
 */
export async function holdGpus(tx: Tx, gpuIds: readonly GpuId[], executionId: ExecutionId): Promise<void> {
  if (gpuIds.length === 0) return;
  const ids = sql.param(JSON.stringify(gpuIds));
  const taken = await tx.execute(sql`
    update gpus set execution_id = ${executionId}
    where id in (select jsonb_array_elements_text(${ids}::jsonb)) and execution_id is null
    returning id`);
  if (taken.length !== gpuIds.length)
    throw new Error(`only ${taken.length} of ${gpuIds.length} GPUs were free to hold`);
}

export async function releaseGpus(tx: Tx, executionId: ExecutionId): Promise<void> {
  await tx.update(gpus).set({ executionId: null }).where(eq(gpus.executionId, executionId));
}

export type ProviderRow = typeof providers.$inferSelect;
export type NewProvider = typeof providers.$inferInsert;

/** @returns false where the name or the key is taken */
export async function insertProvider(tx: Tx, provider: NewProvider): Promise<boolean> {
  const inserted = await tx.insert(providers).values(provider).onConflictDoNothing().returning({ id: providers.id });
  return inserted.length === 1;
}

export async function providerByKey(db: Db | Tx, publicKey: string): Promise<ProviderRow | null> {
  const [row] = await db.select().from(providers).where(eq(providers.publicKey, publicKey));
  return row ?? null;
}

export async function providerByExternalId(db: Db | Tx, externalId: string): Promise<ProviderRow | null> {
  const [row] = await db.select().from(providers).where(eq(providers.externalId, externalId));
  return row ?? null;
}

export function providersByIds(db: Db | Tx, ids: readonly ProviderId[]): Promise<ProviderRow[]> {
  return db
    .select()
    .from(providers)
    .where(inArray(providers.id, [...ids]));
}

/** The row alone, locked; for changes of presence and inventory. */
export async function lockProviderRow(tx: Tx, id: ProviderId): Promise<ProviderRow | null> {
  const [row] = await tx.select().from(providers).where(eq(providers.id, id)).for("no key update");
  return row ?? null;
}

export async function updateProvider(tx: Tx, id: ProviderId, set: Partial<Omit<NewProvider, "id">>): Promise<void> {
  await tx.update(providers).set(set).where(eq(providers.id, id));
}

/**
 * Takes the number of a signed message that is no beat.
 * @returns false where the same or a newer one was taken before: nothing changes then
 */
export async function takeSequence(tx: Tx, id: ProviderId, seq: number, now: Date): Promise<boolean> {
  const first = { providerId: id, lastSeenAt: now, seq, report: [], reportedGeneration: 0, usage: {} };
  const taken = await tx
    .insert(providerPresence)
    .values(first)
    .onConflictDoUpdate({ target: providerPresence.providerId, set: { seq }, setWhere: lt(providerPresence.seq, seq) })
    .returning({ seq: providerPresence.seq });
  return taken.length === 1;
}

/** Offline providers whose penalty announced maintenance put off. */
export async function owingProviders(db: Db): Promise<ProviderId[]> {
  const owing = and(
    eq(providers.presence, "offline"),
    eq(providers.offlinePenalised, false),
    eq(providers.admission, "approved"),
  );
  const rows = await db.select({ id: providers.id }).from(providers).where(owing).orderBy(asc(providers.id));
  return rows.map(({ id }) => id);
}

/** What proves that a machine speaks: its key, and whether it still may. */
export async function providerKey(db: Db, id: ProviderId) {
  const [row] = await db
    .select({ publicKey: providers.publicKey, owner: providers.owner, admission: providers.admission })
    .from(providers)
    .where(eq(providers.id, id));
  return row ?? null;
}

/** Why a provider is in quarantine; null where it is not. */
export const quarantineOf = sql<string | null>`(select e.quarantine_reason from provider_evidence e
  where e.provider_id = ${providers.id} and e.quarantined_at is not null)`;

const heard = and(eq(providers.admission, "approved"), eq(providers.presence, "online"));

/** `providerStatus` as a condition on rows; a test holds the two together. */
const STATUS_IS = {
  pending: eq(providers.admission, "pending"),
  suspended: eq(providers.admission, "suspended"),
  removed: eq(providers.admission, "removed"),
  rejected: eq(providers.admission, "rejected"),
  approved: and(eq(providers.admission, "approved"), eq(providers.presence, "unseen")),
  joined: and(eq(providers.admission, "approved"), eq(providers.presence, "joined")),
  available: and(heard, eq(providers.drain, "none"), sql`${quarantineOf} is null`),
  draining: and(heard, ne(providers.drain, "none"), sql`${quarantineOf} is null`),
  quarantined: and(heard, sql`${quarantineOf} is not null`),
  offline: and(eq(providers.admission, "approved"), eq(providers.presence, "offline")),
} as const satisfies Record<ProviderStatus, SQL | undefined>;

/** One row a provider, with its last beat and its GPU offers. */
export function shown(db: Db | Tx, where: SQL | undefined, limit: number) {
  const models = db
    .select({
      providerId: offers.providerId,
      models: sql<
        { model: string; vramMb: number; total: number; free: number; inUse: number }[]
      >`json_agg(json_build_object('model', ${offers.gpuModel}, 'vramMb', ${offers.vramMb}, 'total', ${offers.totalGpus},
        'free', ${offers.freeGpus}, 'inUse', ${offers.inUseGpus}) order by ${offers.gpuModel})`.as("models"),
    })
    .from(offers)
    .where(and(eq(offers.providerId, providers.id), ne(offers.gpuModel, "")))
    .groupBy(offers.providerId)
    .as("models");
  return db
    .select({
      provider: providers,
      lastSeenAt: providerPresence.lastSeenAt,
      models: models.models,
      quarantine: quarantineOf,
    })
    .from(providers)
    .leftJoin(providerPresence, eq(providerPresence.providerId, providers.id))
    .leftJoinLateral(models, sql`true`)
    .where(where)
    .orderBy(desc(providers.id))
    .limit(limit);
}
export type ShownProvider = Awaited<ReturnType<typeof shown>>[number];

/** Newest first, before an id. Without a status: those that were admitted. */
export function listProviderRows(
  db: Db | Tx,
  page: { status: ProviderStatus | null; beforeId: ProviderId | null; limit: number },
): Promise<ShownProvider[]> {
  const status = page.status ? STATUS_IS[page.status] : eq(providers.admission, "approved");
  return shown(db, and(status, page.beforeId ? lt(providers.id, page.beforeId) : undefined), page.limit);
}

export async function findShownProvider(db: Db | Tx, id: ProviderId): Promise<ShownProvider | null> {
  const [row] = await shown(db, eq(providers.id, id), 1);
  return row ?? null;
}
