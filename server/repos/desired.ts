// What should run on agents' machines. Every real change moves the provider's generation and wakes its long poll.
import { eq, sql } from "drizzle-orm";
import type { BatchSpec } from "../../domain/execution/spec.ts";
import type { ExecutionId, ProviderId } from "../../domain/ids.ts";
import type { Admission, Drain, Presence, Runtime } from "../../domain/provider/state.ts";
import { desiredExecutions, providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";
import type { SealedLogin } from "./registry-logins.ts";

export interface DesiredExecution {
  readonly executionId: ExecutionId;
  readonly providerId: ProviderId;
  readonly sealedSpec: string;
}

/** The topic that wakes whoever answers this provider. */
export function desiredTopic(providerId: ProviderId): string {
  return `desired:${providerId}`;
}

/** @returns false where it was there already, just so */
export async function putDesired(tx: Tx, wanted: DesiredExecution): Promise<boolean> {
  await lockGeneration(tx, wanted.providerId);
  const written = await tx
    .insert(desiredExecutions)
    .values(wanted)
    .onConflictDoUpdate({
      target: desiredExecutions.executionId,
      set: { sealedSpec: wanted.sealedSpec },
      setWhere: sql`${desiredExecutions.sealedSpec} <> excluded.sealed_spec`,
    })
    .returning({ id: desiredExecutions.executionId });
  if (written.length === 0) return false;
  await moveGeneration(tx, wanted.providerId);
  return true;
}

/** @returns false where it was not there */
export async function dropDesired(tx: Tx, executionId: ExecutionId): Promise<boolean> {
  const there = await findDesired(tx, executionId);
  if (!there) return false;
  await lockGeneration(tx, there.providerId);
  const dropped = await tx
    .delete(desiredExecutions)
    .where(eq(desiredExecutions.executionId, executionId))
    .returning({ id: desiredExecutions.executionId });
  if (dropped.length === 0) return false;
  await moveGeneration(tx, there.providerId);
  return true;
}

export async function findDesired(db: Db | Tx, executionId: ExecutionId): Promise<DesiredExecution | null> {
  const [row] = await db.select().from(desiredExecutions).where(eq(desiredExecutions.executionId, executionId));
  return row ?? null;
}

/** What a machine is told: what should run there, with the generation it belongs to, and how it stands with us. */
export interface Desired {
  readonly id: ProviderId;
  readonly generation: number;
  readonly admission: Admission;
  readonly admissionReason: string;
  readonly presence: Presence;
  readonly drain: Drain;
  readonly runtime: Runtime;
  /** by execution, with the real end of what runs */
  readonly wanted: readonly { readonly sealedSpec: string; readonly expiresAt: Date | null }[];
  /** its live batch executions, in the order of their ids */
  readonly batch: readonly DesiredBatch[];
  /** GPUs that its report once had and has no more, by index */
  readonly missing: readonly { readonly index: number; readonly model: string }[];
  /** its next announced maintenance, or the one that is open */
  readonly maintenance: { readonly startsAt: Date; readonly endsAt: Date } | null;
}

/** A batch execution is not written down a second time: it is read from the rows of the execution and its job. */
export type DesiredBatch = Omit<BatchSpec, "kind" | "providerId" | "memoryMb" | "env" | "registryLogin"> & {
  readonly memoryGb: number;
  readonly sealedEnv: string;
  /** of its account, to any registry; null where its machine pulls nothing for it any more, or uses no images */
  readonly logins: readonly SealedLogin[] | null;
};

type DesiredRow = Omit<Desired, "wanted" | "batch" | "missing" | "maintenance"> & {
  wanted: { sealed: string; ends: string | null }[] | null;
  batch: DesiredBatch[] | null;
  missing: { index: number; model: string }[] | null;
  starts: string | null;
  ends: string | null;
};

/**
 * Live batch executions of the provider `p`, for its agent: pods are made by the worker, third-party workers ask. The input
 * may be long, and logins are secret; a machine that says it has begun is not sent them again, because it never begins the
 * same one twice.
 */
const batchOf = sql`
  select json_agg(json_build_object('id', e.id, 'jobId', j.id, 'image', j.image, 'command', j.command,
    'inputData', case when r.begun then '' else j.input_data end, 'files', j.files, 'network', j.network,
    'cpuCores', e.cpu_cores, 'memoryGb', e.memory_gb, 'diskGb', e.disk_gb, 'sealedEnv', j.sealed_env,
    'timeoutSeconds', j.timeout_seconds, 'deadline', to_char(e.deadline_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'logins', case when p.runtime = 'docker' and not r.begun then (
      select json_agg(json_build_object('registry', registry, 'username', username, 'sealedPassword', sealed_password))
      from registry_logins where account = j.account) end,
    'gpuUuids', coalesce((select json_agg(uuid order by index) from gpus where execution_id = e.id), '[]')) order by e.id) as batch
  from batch_executions e
  join batch_jobs j on j.id = e.job_id
  cross join lateral (
    select exists (
      select 1 from provider_presence pp, jsonb_array_elements(pp.report) as each(item)
      where pp.provider_id = p.id and item->>'id' = e.id and item->>'state' in ('running', 'ended')) as begun) r
  where e.provider_id = p.id and e.status in ('scheduled', 'running') and p.runtime not in ('kubernetes', 'external')`;

/** For many providers at once, in one snapshot. One that does not exist is left out. */
export async function listDesired(db: Db | Tx, ids: readonly ProviderId[], now: Date): Promise<Desired[]> {
  const rows = await db.execute<DesiredRow>(sql`
    select p.id, p.generation, p.admission, p.admission_reason as "admissionReason", p.presence, p.drain, p.runtime,
      d.wanted, b.batch, g.missing, m.starts_at as starts, m.ends_at as ends
    from jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb) as asked(id)
    cross join lateral (select * from providers where id = asked.id limit 1) p
    left join lateral (
      select json_agg(json_build_object('sealed', d.sealed_spec, 'ends', e.expires_at) order by d.execution_id) as wanted
      from desired_executions d left join executions e on e.id = d.execution_id where d.provider_id = p.id) d on true
    left join lateral (${batchOf}) b on true
    left join lateral (
      select json_agg(json_build_object('index', index, 'model', model) order by index) as missing
      from gpus where provider_id = p.id and not present) g on true
    left join lateral (
      select starts_at, ends_at from maintenance_windows
      where provider_id = p.id and closed_at is null and ends_at > ${now.toISOString()}::timestamptz
      order by starts_at limit 1) m on true`);
  return rows.map(({ wanted, batch, missing, starts, ends, ...row }) => ({
    ...row,
    batch: batch ?? [],
    wanted: (wanted ?? []).map((one) => ({ sealedSpec: one.sealed, expiresAt: one.ends ? new Date(one.ends) : null })),
    missing: missing ?? [],
    maintenance: starts && ends ? { startsAt: new Date(starts), endsAt: new Date(ends) } : null,
  }));
}

/** Law 8's order, kept even where the provider is only counted up. */
async function lockGeneration(tx: Tx, providerId: ProviderId): Promise<void> {
  await tx.select({ id: providers.id }).from(providers).where(eq(providers.id, providerId)).for("no key update");
}

async function moveGeneration(tx: Tx, providerId: ProviderId): Promise<void> {
  await tx
    .update(providers)
    .set({ generation: sql`${providers.generation} + 1` })
    .where(eq(providers.id, providerId));
  await tx.execute(sql`select pg_notify('berth', ${desiredTopic(providerId)})`);
}
