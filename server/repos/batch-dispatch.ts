// Giving out copies of batch jobs: what waits, who could run it, and the writes of one round, each for many rows at once.
import { and, asc, isNull, sql } from "drizzle-orm";
import type { ExecutionId, GpuId, JobId, ProviderId } from "../../domain/ids.ts";
import type { BatchPurpose, PanelClass } from "../../domain/job/batch.ts";
import type { Runtime } from "../../domain/provider/state.ts";
import type { Identity } from "../../domain/verification/groups.ts";
import { batchJobs } from "../../drizzle/schema/batch.ts";
import type { Db, Tx } from "../deps.ts";
import { textArray } from "./arrays.ts";

/** One round at a time, of all processes; another one that asks meanwhile gets nothing. */
export async function tryDispatchTurn(tx: Tx): Promise<boolean> {
  const [row] = await tx.execute<{ mine: boolean }>(
    sql`select pg_try_advisory_xact_lock(hashtext('berth'), hashtext('batch.dispatch')) as mine`,
  );
  return row?.mine === true;
}

export interface WaitingJob {
  readonly id: JobId;
  readonly account: string;
  readonly purpose: BatchPurpose;
  readonly about: JobId | null;
  readonly anonymous: boolean;
  readonly withFiles: boolean;
  readonly withInput: boolean;
  /** without a command: the program is the one that the image names */
  readonly imagesOwn: boolean;
  readonly cpuCores: number;
  readonly memoryGb: number;
  readonly diskGb: number;
  readonly gpuCount: number;
  readonly gpuModel: string | null;
  /** micro-USD per hour: dearest of one execution */
  readonly rate: bigint;
  readonly timeoutSeconds: number;
  readonly queueTimeoutSeconds: number;
  readonly panelClass: PanelClass | null;
  readonly tied: boolean;
  readonly hedged: boolean;
  readonly copiesWanted: number;
  readonly poolGroups: number | null;
  readonly createdAt: Date;
  readonly waitingSince: Date;
  /** who has it already, ended ones too; and whom a check must not ask, because it is about them */
  readonly panel: readonly {
    readonly providerId: ProviderId;
    readonly group: string;
    readonly proven: boolean;
    readonly number: number;
    readonly own: boolean;
    /** of what lives; null otherwise */
    readonly deadlineMs: number | null;
  }[];
}

type WaitingRow = Omit<WaitingJob, "rate" | "createdAt" | "waitingSince" | "panel"> & {
  rate: string;
  createdAt: string;
  waitingSince: string | null;
  panel: WaitingJob["panel"] | null;
};

/**
 * Jobs that want copies, in fair order: the first of each account, then the second of each, and so on; of accounts that
 * stand equal the one with the fewest live executions first.
 * @param checks the broker's own checks, else customers' jobs
 */
export async function waitingJobs(
  db: Db | Tx,
  now: Date,
  { limit, checks }: { readonly limit: number; readonly checks: boolean },
): Promise<WaitingJob[]> {
  const at = sql`${now.toISOString()}::timestamptz`;
  const panels = checks
    ? sql`(select j.id as job_id union all select j.about
          union all select other.id from batch_jobs other where other.about = j.about and other.id <> j.id) family
        join batch_executions e on e.job_id = family.job_id`
    : sql`batch_executions e where e.job_id = j.id`;
  const whose = checks ? sql`purpose <> 'customer'` : sql`purpose = 'customer'`;
  const rows = await db.execute<WaitingRow>(sql`
    with recursive waiting as (
      (select account from batch_jobs where copies_wanted > 0 order by account limit 1)
      union all
      select (select b.account from batch_jobs b where b.copies_wanted > 0 and b.account > w.account order by b.account limit 1)
      from waiting w where w.account is not null),
    busy as materialized (
      select j.account, count(*) as live from batch_executions e join batch_jobs j on j.id = e.job_id
      where e.status in ('scheduled','running') and j.purpose = 'customer' and (select count(*) from waiting) > 2 group by j.account),
    turns as (
      select j.*, coalesce(b.live, 0) as live from waiting w
      cross join lateral (
        select id, row_number() over (order by id) as turn from (
          select id from batch_jobs where account = w.account and copies_wanted > 0 and ${whose}
            and (passed_until is null or passed_until <= ${at}) order by id limit ${limit}) first) j
      left join busy b on b.account = w.account
      order by turn, live, id limit ${limit})
    select j.id, j.account, j.purpose, j.about, j.anonymous, jsonb_array_length(j.files) > 0 as "withFiles",
      j.input_data <> '' as "withInput",
      jsonb_array_length(j.command) = 0 as "imagesOwn",
      j.cpu_cores as "cpuCores", j.memory_gb as "memoryGb", j.disk_gb as "diskGb", j.gpu_count as "gpuCount",
      j.gpu_model as "gpuModel", j.rate, j.timeout_seconds as "timeoutSeconds",
      j.queue_timeout_seconds as "queueTimeoutSeconds", j.panel_class as "panelClass", j.tied, j.hedged,
      j.copies_wanted as "copiesWanted", j.pool_groups as "poolGroups", j.created_at as "createdAt",
      j.waiting_since as "waitingSince", p.panel
    from turns t
    join batch_jobs j on j.id = t.id
    left join lateral (
      select json_agg(json_build_object('providerId', e.provider_id, 'group', e.owner_group, 'proven', e.proven,
        'number', e.number, 'own', e.job_id = j.id, 'deadlineMs', case when e.status in ('scheduled','running')
          then extract(epoch from e.deadline_at) * 1000 end)) as panel
      from ${panels}) p
      on j.panel_class is not null
    order by t.turn, t.live, t.id`);
  return rows.map(({ rate, createdAt, waitingSince, panel, ...row }) => ({
    ...row,
    rate: BigInt(rate),
    createdAt: new Date(createdAt),
    waitingSince: new Date(waitingSince ?? createdAt),
    panel: panel ?? [],
  }));
}

/** Whether any batch job wants machines and is not passed over. */
export async function anyWaiting(db: Db | Tx, now: Date): Promise<boolean> {
  const [row] = await db.execute<{ any: boolean }>(sql`
    select exists (select 1 from batch_jobs where copies_wanted > 0
      and (passed_until is null or passed_until <= ${now.toISOString()}::timestamptz)) as any`);
  return row?.any === true;
}

export interface MachineOffer {
  readonly providerId: ProviderId;
  /** "" for cores only */
  readonly gpuModel: string;
  readonly freeGpus: number;
  readonly freeCpuCores: number;
  readonly freeMemoryGb: number;
  readonly freeDiskGb: number;
  readonly busyFrom: Date | null;
  readonly sandboxed: boolean;
  readonly runtime: Runtime;
  readonly perGpuHour: bigint;
  readonly perCpuHour: bigint;
  readonly verified: number;
  readonly bad: number;
  readonly at: Date | null;
  /** infrastructure errors in a row */
  readonly errors: number;
  readonly quarantined: boolean;
}

type OfferRow = Omit<MachineOffer, "busyFrom" | "at" | "perGpuHour" | "perCpuHour"> & {
  busyFrom: string | null;
  at: string | null;
  perGpuHour: string;
  perCpuHour: string;
};

/** What is free now, as the offers say, with what is known of who offers it. Who rests is left out. */
export async function machineOffers(db: Db | Tx, now: Date, withGpus: boolean): Promise<MachineOffer[]> {
  const rows = await db.execute<OfferRow>(sql`
    select o.provider_id as "providerId", o.gpu_model as "gpuModel", o.free_gpus as "freeGpus",
      o.free_cpu_cores as "freeCpuCores", o.free_memory_gb as "freeMemoryGb", o.free_disk_gb as "freeDiskGb",
      o.busy_from as "busyFrom", o.sandboxed, o.runtime, o.price_per_gpu_hour as "perGpuHour",
      o.price_per_cpu_hour as "perCpuHour", coalesce(e.verified, 0) as verified, coalesce(e.bad, 0) as bad, e.at,
      coalesce(e.errors, 0) as errors, e.quarantined_at is not null as quarantined
    from offers o left join provider_evidence e on e.provider_id = o.provider_id
    where o.available and o.free_cpu_cores > 0 and o.free_memory_gb > 0 and o.free_disk_gb > 0
      and (o.gpu_model = '' or (${withGpus} and o.free_gpus > 0))
      and (e.resting_until is null or e.resting_until <= ${now.toISOString()}::timestamptz)`);
  return rows.map((row) => ({
    ...row,
    busyFrom: row.busyFrom === null ? null : new Date(row.busyFrom),
    at: row.at === null ? null : new Date(row.at),
    perGpuHour: BigInt(row.perGpuHour),
    perCpuHour: BigInt(row.perCpuHour),
  }));
}

/** By what owners are told apart, of everybody who was ever here: what a panel had stays in its group. */
export async function identities(db: Db | Tx, demo: boolean): Promise<Identity[]> {
  const rows = await db.execute<Omit<Identity, "payout"> & { gpuUuids: string[] | null }>(sql`
    select p.id as "providerId", p.owner, p.host, g.uuids as "gpuUuids",
      case when p.runtime = 'external' then p.addresses else '[]'::jsonb end as "calledFrom"
    from providers p
    left join lateral (select json_agg(uuid) as uuids from gpus where provider_id = p.id and not (declared and ${demo})) g on true`);
  return rows.map((row) => ({ ...row, payout: row.owner, gpuUuids: row.gpuUuids ?? [] }));
}

/** Locks jobs in the order of their ids. @returns how many copies each still wants; those decided meanwhile are absent */
export async function lockWanting(tx: Tx, ids: readonly JobId[]): Promise<Map<JobId, number>> {
  const rows = await tx
    .select({ id: batchJobs.id, copies: batchJobs.copiesWanted })
    .from(batchJobs)
    .where(and(sql`${batchJobs.id} = any(${textArray(ids)})`, isNull(batchJobs.decidedAt)))
    .orderBy(asc(batchJobs.id))
    .for("no key update");
  return new Map(rows.map(({ id, copies }) => [id, copies]));
}

export interface NewBatchExecution {
  readonly id: ExecutionId;
  readonly jobId: JobId;
  readonly providerId: ProviderId;
  readonly number: number;
  readonly ownerGroup: string;
  readonly proven: boolean;
  readonly rate: bigint;
  readonly cpuCores: number;
  readonly memoryGb: number;
  readonly diskGb: number;
  readonly deadlineAt: Date;
  readonly gpuIds: readonly GpuId[];
}

/** Writes executions, and gives them their GPUs. */
export async function insertExecutions(tx: Tx, rows: readonly NewBatchExecution[], now: Date): Promise<void> {
  const written = JSON.stringify(rows.map(({ gpuIds: _, rate, ...row }) => ({ ...row, rate: rate.toString() })));
  await tx.execute(sql`
    insert into batch_executions (id, job_id, provider_id, number, owner_group, proven, rate, status, cpu_cores, memory_gb,
      disk_gb, created_at, deadline_at)
    select id, "jobId", "providerId", number, "ownerGroup", proven, rate, 'scheduled', "cpuCores", "memoryGb", "diskGb",
      ${now.toISOString()}::timestamptz, "deadlineAt"
    from jsonb_to_recordset(${written}::jsonb) as e(id text, "jobId" text, "providerId" text, number integer,
      "ownerGroup" text, proven boolean, rate bigint, "cpuCores" integer, "memoryGb" integer, "diskGb" integer,
      "deadlineAt" timestamptz)`);
  const held = rows.flatMap(({ id, gpuIds }) => gpuIds.map((gpuId) => ({ id, gpuId })));
  if (held.length === 0) return;
  const taken = await tx.execute(sql`
    update gpus set execution_id = h.id from jsonb_to_recordset(${JSON.stringify(held)}::jsonb) as h(id text, "gpuId" text)
    where gpus.id = h."gpuId" and gpus.execution_id is null returning 1`);
  if (taken.length !== held.length) throw new Error(`only ${taken.length} of ${held.length} GPUs were free to hold`);
}

export interface GivenOut {
  readonly id: JobId;
  readonly copiesLeft: number;
  readonly panelClass: PanelClass;
  readonly poolGroups: number;
  readonly poolGroupsUnfiltered: number;
  readonly nextLookAt: Date;
}

/** What jobs look like after copies of them were given out. The class and the pool are those of the first time. */
export async function writeGivenOut(tx: Tx, rows: readonly GivenOut[]): Promise<void> {
  await tx.execute(sql`
    update batch_jobs j set copies_wanted = g."copiesLeft",
      waiting_since = case when g."copiesLeft" > 0 then j.waiting_since end, passed_until = null,
      status = case when j.status = 'pending' then 'scheduled' else j.status end,
      panel_class = coalesce(j.panel_class, g."panelClass"), pool_groups = coalesce(j.pool_groups, g."poolGroups"),
      pool_groups_unfiltered = coalesce(j.pool_groups_unfiltered, g."poolGroupsUnfiltered"), next_look_at = g."nextLookAt"
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as g(id text, "copiesLeft" integer, "panelClass" text,
      "poolGroups" integer, "poolGroupsUnfiltered" integer, "nextLookAt" timestamptz)
    where j.id = g.id`);
}

/** Lets others pass jobs that found nobody: the longer they wait the longer, 1 to 15 s. */
export async function passOver(tx: Tx, ids: readonly JobId[], now: Date): Promise<void> {
  if (ids.length === 0) return;
  const at = sql`${now.toISOString()}::timestamptz`;
  await tx
    .update(batchJobs)
    .set({
      passedUntil: sql`${at} + least(interval '15 s', greatest(interval '1 s', (${at} - ${batchJobs.waitingSince}) / 4))`,
    })
    .where(sql`${batchJobs.id} in (
      select id from batch_jobs where id = any(${textArray(ids)}) and copies_wanted > 0
      order by id for no key update skip locked)`);
}

/** Another desired set for locked providers: their generation moves, and whoever answers their beats is woken. */
export async function tellProviders(tx: Tx, ids: readonly ProviderId[]): Promise<void> {
  if (ids.length === 0) return;
  await tx.execute(sql`
    with told as (update providers set generation = generation + 1 where id = any(${textArray(ids)}) returning id)
    select pg_notify('berth', 'desired:' || id) from told`);
}
