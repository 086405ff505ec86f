// Providers that were drawn, locked together, with what each really has free.
import { sql } from "drizzle-orm";
import type { GpuId, ProviderId } from "../../domain/ids.ts";
import type { Tx } from "../deps.ts";
import { textArray } from "./arrays.ts";

/** A locked provider as it really stands. */
export interface Room {
  readonly id: ProviderId;
  readonly available: boolean;
  readonly sandboxed: boolean;
  readonly quarantined: boolean;
  readonly perGpuHour: bigint;
  readonly perCpuHour: bigint;
  readonly busyFrom: Date | null;
  cpuCores: number;
  memoryGb: number;
  diskGb: number;
  /** by model, in device order */
  readonly gpus: Map<string, GpuId[]>;
}

/** Locks providers in the order of their ids, then reads what is free on each. @param withGpus their free GPUs too, locked */
export async function lockRooms(tx: Tx, ids: readonly ProviderId[], withGpus: boolean): Promise<Map<ProviderId, Room>> {
  const those = textArray(ids);
  await tx.execute(sql`select 1 from providers where id = any(${those}) order by id for no key update`);
  const rows = await tx.execute<
    Omit<Room, "perGpuHour" | "perCpuHour" | "busyFrom" | "gpus"> & {
      perGpuHour: string;
      perCpuHour: string;
      busyFrom: string | null;
    }
  >(sql`
    select p.id, (p.admission = 'approved' and p.presence = 'online' and p.drain = 'none') as available, p.sandboxed,
      exists (select 1 from provider_evidence e where e.provider_id = p.id and e.quarantined_at is not null) as quarantined,
      p.price_per_gpu_hour as "perGpuHour", p.price_per_cpu_hour as "perCpuHour",
      (select min(starts_at) from maintenance_windows w where w.provider_id = p.id and w.closed_at is null) as "busyFrom",
      (p.cpu_cores - used.cores)::int as "cpuCores", (p.memory_gb - used.memory)::int as "memoryGb",
      (p.disk_gb - used.disk)::int as "diskGb"
    from providers p
    cross join lateral (
      select coalesce(sum(h.cpu_cores), 0) as cores, coalesce(sum(h.memory_gb), 0) as memory, coalesce(sum(h.disk_gb), 0) as disk
      from holdings h where h.provider_id = p.id) used
    where p.id = any(${those})`);
  const free = withGpus ? await freeGpus(tx, ids) : new Map<ProviderId, Map<string, GpuId[]>>();
  return new Map(
    rows.map((row) => [
      row.id,
      {
        ...row,
        perGpuHour: BigInt(row.perGpuHour),
        perCpuHour: BigInt(row.perCpuHour),
        busyFrom: row.busyFrom === null ? null : new Date(row.busyFrom),
        gpus: free.get(row.id) ?? new Map<string, GpuId[]>(),
      },
    ]),
  );
}

/** What locked providers have free, no more than their cluster offers: those that are held count first, as in the offers. */
async function freeGpus(tx: Tx, ids: readonly ProviderId[]): Promise<Map<ProviderId, Map<string, GpuId[]>>> {
  const those = textArray(ids);
  await tx.execute(
    sql`select 1 from gpus where provider_id = any(${those}) order by provider_id, index, id for no key update`,
  );
  const rows = await tx.execute<{ id: GpuId; providerId: ProviderId; model: string }>(sql`
    select id, provider_id as "providerId", model from (
      select g.*, row_number() over (partition by g.provider_id order by (g.execution_id is null), g.index, g.id) as nth
      from gpus g where g.provider_id = any(${those}) and (g.present or g.execution_id is not null)) there
    where execution_id is null and nth <= coalesce(
      (select n.allocatable_gpus from provider_nodes n where n.provider_id = there.provider_id), 2147483647)
    order by provider_id, index, id`);
  const all = new Map<ProviderId, Map<string, GpuId[]>>();
  for (const { id, providerId, model } of rows) {
    const models = all.get(providerId) ?? new Map<string, GpuId[]>();
    all.set(providerId, models);
    models.set(model, [...(models.get(model) ?? []), id]);
  }
  return all;
}
