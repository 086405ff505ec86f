// What keeps waiting batch jobs from machines that are there: their account's limit of GPUs on nodes, that they name no
// command, or that machines refused them.
import { sql } from "drizzle-orm";
import type { JobId, ProviderId } from "../../domain/ids.ts";
import { THIRD_PARTY_SECONDS } from "../../domain/job/batch.ts";
import { coresBilled } from "../../domain/money/quote.ts";
import { isExternal, isNode, PRESENCES, RUNTIMES, runsImagesOwn } from "../../domain/provider/state.ts";
import { REFUSALS } from "../../domain/verification/failure.ts";
import type { Db, Tx } from "../deps.ts";
import { textArray } from "./arrays.ts";

/** A job that wants machines, with whoever has a copy of it. */
export interface WaitingPanel {
  readonly id: JobId;
  readonly account: string;
  readonly gpuCount: number;
  readonly cpuCores: number;
  readonly memoryGb: number;
  readonly diskGb: number;
  readonly imagesOwn: boolean;
  readonly panel: readonly { readonly providerId: ProviderId; readonly group: string }[];
}

export async function waitingPanels(db: Db | Tx, ids: readonly JobId[]): Promise<WaitingPanel[]> {
  return db.execute<WaitingPanel & Record<string, unknown>>(sql`
    select j.id, j.account, j.gpu_count as "gpuCount", j.cpu_cores as "cpuCores", j.memory_gb as "memoryGb",
      j.disk_gb as "diskGb", jsonb_array_length(j.command) = 0 as "imagesOwn", coalesce(
        (select json_agg(json_build_object('providerId', e.provider_id, 'group', e.owner_group))
          from batch_executions e where e.job_id = j.id), '[]'::json) as panel
    from batch_jobs j where j.id = any(${textArray(ids)})`);
}

export interface Asked {
  readonly job: WaitingPanel;
  /** machines that get none of its copies: of owners that have one, its customer's own, and those held back */
  readonly excluded: readonly ProviderId[];
}

/** Of waiting jobs that are over the limit, those for which a node is free now: without the limit they would go on. */
export async function keptFromNodes(db: Db | Tx, asked: readonly Asked[], now: Date): Promise<ReadonlySet<JobId>> {
  const at = sql`${now.toISOString()}::timestamptz`;
  const rows = await db.execute<{ id: JobId }>(sql`
    select j.id from ${asking(asked)} join batch_jobs j on j.id = w.id
    where (j.panel_class is null or j.panel_class = 'image') and jsonb_array_length(j.command) > 0 and exists (
      select 1 from offers o join providers p on p.id = o.provider_id
        left join provider_evidence e on e.provider_id = o.provider_id
      where o.runtime = any(${textArray(RUNTIMES.filter(isNode))}) and o.available and o.gpu_model <> ''
        and (j.gpu_model is null or o.gpu_model = j.gpu_model) and o.free_gpus >= j.gpu_count
        and o.free_cpu_cores >= j.cpu_cores and o.free_memory_gb >= j.memory_gb and o.free_disk_gb >= j.disk_gb
        and o.price_per_gpu_hour * j.gpu_count + o.price_per_cpu_hour * w.cores <= j.rate
        and (o.sandboxed or not j.anonymous) and p.owner <> j.account
        and (o.busy_from is null or o.busy_from >= ${at} + make_interval(secs => j.timeout_seconds))
        and e.quarantined_at is null and (e.resting_until is null or e.resting_until <= ${at})
        and not w.excluded ? o.provider_id)`);
  return new Set(rows.map(({ id }) => id));
}

const OWN = textArray(RUNTIMES.filter(runsImagesOwn));
const EXTERNAL = textArray(RUNTIMES.filter(isExternal));

/**
 * Whether a machine could run a job that waits, its own program aside: by what it has, not by what is free on it now.
 * Third-party workers could where they run the rest of it. @param processes whether processes take batch jobs here: in a demo
 */
const couldRun = (processes: boolean) => sql`
  o.admission = 'approved' and (o.gpu_model = '') = (j.gpu_count = 0) and (${processes} or o.runtime <> 'process')
    and (j.gpu_model is null or o.gpu_model = j.gpu_model) and o.total_gpus >= j.gpu_count
    and p.cpu_cores >= j.cpu_cores and p.memory_gb >= j.memory_gb and p.disk_gb >= j.disk_gb
    and o.price_per_gpu_hour * j.gpu_count + o.price_per_cpu_hour * w.cores <= j.rate
    and (o.sandboxed or not j.anonymous) and not w.excluded ? o.provider_id
    and (o.runtime <> all(${EXTERNAL}) or (j.gpu_count = 0 and jsonb_array_length(j.files) = 0
      and j.input_data = '' and j.timeout_seconds <= ${THIRD_PARTY_SECONDS}))
    and not exists (
      select 1 from provider_evidence e where e.provider_id = o.provider_id and e.quarantined_at is not null)`;

/**
 * Of waiting jobs without a command that nobody was given yet, those that only machines fit which need one.
 * @param processes whether processes take batch jobs here: in a demo
 */
export async function fitWithCommandOnly(
  db: Db | Tx,
  asked: readonly Asked[],
  { processes }: { readonly processes: boolean },
): Promise<ReadonlySet<JobId>> {
  const rows = await db.execute<{ id: JobId }>(sql`
    select j.id from ${asking(asked)} join batch_jobs j on j.id = w.id
    cross join lateral (
      select count(*) as fit, count(*) filter (where o.runtime = any(${OWN})) as own
      from offers o join providers p on p.id = o.provider_id
      where ${couldRun(processes)}) there
    where j.panel_class is null and there.fit > 0 and there.own = 0`);
  return new Set(rows.map(({ id }) => id));
}

/** In reach: what is silent for too long is waited for by nobody. */
const THERE = PRESENCES.filter((presence) => presence === "joined" || presence === "online");

/**
 * Of waiting jobs that were given out before, those that no machine in reach fits which is not excluded: busy ones, resting
 * ones and those that take no new work now fit, as they may come free.
 */
export async function fitNobodyElse(
  db: Db | Tx,
  asked: readonly Asked[],
  { processes }: { readonly processes: boolean },
): Promise<ReadonlySet<JobId>> {
  if (asked.length === 0) return new Set();
  const rows = await db.execute<{ id: JobId }>(sql`
    select j.id from ${asking(asked)} join batch_jobs j on j.id = w.id
    where not exists (
      select 1 from offers o join providers p on p.id = o.provider_id
      where ${couldRun(processes)} and o.presence = any(${textArray(THERE)})
        and (jsonb_array_length(j.command) > 0 or o.runtime = any(${OWN}))
        and case when o.runtime = any(${EXTERNAL}) then 'external' when o.runtime = 'process' then 'process'
          else 'image' end = j.panel_class)`);
  return new Set(rows.map(({ id }) => id));
}

export interface Refusals {
  readonly machines: number;
  /** of the last one, in the words of its machine; "" where it had none */
  readonly detail: string;
}

/** Which of these jobs machines refused before they ran. */
export async function refusalsOf(db: Db | Tx, ids: readonly JobId[]): Promise<ReadonlyMap<JobId, Refusals>> {
  if (ids.length === 0) return new Map();
  const rows = await db.execute<{ id: JobId; machines: number; detail: string | null }>(sql`
    select job_id as id, count(*)::int as machines, (array_agg(detail order by ended_at desc, number desc))[1] as detail
    from batch_executions where job_id = any(${textArray(ids)}) and end_cause = any(${textArray(REFUSALS)})
    group by job_id`);
  return new Map(rows.map(({ id, machines, detail }) => [id, { machines, detail: detail ?? "" }]));
}

function asking(asked: readonly Asked[]) {
  const rows = asked.map(({ job, excluded }) => ({ id: job.id, cores: coresBilled(job), excluded }));
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as w(id text, cores integer, excluded jsonb)`;
}
