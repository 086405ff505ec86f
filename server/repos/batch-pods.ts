// Batch executions on nodes of our Kubernetes: what should run there, and that it began.
import { sql } from "drizzle-orm";
import type { BatchExecutionStatus } from "../../domain/execution/batch-state.ts";
import type { BatchSpec } from "../../domain/execution/spec.ts";
import type { ExecutionId } from "../../domain/ids.ts";
import type { Db, Tx } from "../deps.ts";

/** One round at a time, of all workers; another one that asks meanwhile gets nothing. */
export async function tryPodsTurn(tx: Tx): Promise<boolean> {
  const [row] = await tx.execute<{ mine: boolean }>(
    sql`select pg_try_advisory_xact_lock(hashtext('berth'), hashtext('batch.pods')) as mine`,
  );
  return row?.mine === true;
}

/** A live execution with all that its pod is made of, but for what is sealed. */
export interface BatchOnNode {
  readonly status: Extract<BatchExecutionStatus, "scheduled" | "running">;
  readonly account: string;
  readonly nodeName: string;
  readonly sealedEnv: string;
  readonly createdAt: Date;
  readonly spec: Omit<BatchSpec, "env" | "registryLogin">;
}

type Row = Omit<BatchOnNode, "createdAt"> & { createdAt: string };

export async function liveOnNodes(db: Db | Tx): Promise<BatchOnNode[]> {
  const rows = await db.execute<Row>(sql`
    select e.status, j.account, n.node_name as "nodeName", j.sealed_env as "sealedEnv", e.created_at as "createdAt",
      json_build_object('id', e.id, 'jobId', j.id, 'providerId', e.provider_id, 'kind', 'batch', 'image', j.image,
        'command', j.command, 'inputData', j.input_data, 'files', j.files, 'network', j.network,
        'cpuCores', e.cpu_cores, 'memoryMb', e.memory_gb * 1024, 'diskGb', e.disk_gb, 'timeoutSeconds', j.timeout_seconds,
        'deadline', to_char(e.deadline_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'gpuUuids', coalesce((select json_agg(uuid order by index) from gpus where execution_id = e.id), '[]')) as spec
    from batch_executions e
    join batch_jobs j on j.id = e.job_id
    join providers p on p.id = e.provider_id and p.runtime = 'kubernetes'
    join provider_nodes n on n.provider_id = p.id
    where e.status in ('scheduled', 'running')
    order by e.id`);
  return rows.map((row) => ({ ...row, createdAt: new Date(row.createdAt) }));
}

/** Whether any execution lives on a node. */
export async function anyOnNodes(db: Db | Tx): Promise<boolean> {
  const [row] = await db.execute<{ any: boolean }>(sql`
    select exists (select 1 from batch_executions e join providers p on p.id = e.provider_id and p.runtime = 'kubernetes'
      where e.status in ('scheduled', 'running')) as any`);
  return row?.any === true;
}

/**
 * Executions begin, each once, and their jobs with the first. Jobs are locked before executions and in the order of their
 * ids, as by whoever decides them.
 * @param begun `at` by the node's clock: never believed later than now or earlier than it was given out
 */
export async function beginOnNodes(
  tx: Tx,
  begun: readonly { readonly id: ExecutionId; readonly at: Date }[],
  now: Date,
): Promise<void> {
  if (begun.length === 0) return;
  const at = sql`${now.toISOString()}::timestamptz`;
  const told = sql`jsonb_to_recordset(${JSON.stringify(begun)}::jsonb) as told(id text, at timestamptz)`;
  await tx.execute(sql`
    select id from batch_jobs where id in (select job_id from batch_executions where id in (select told.id from ${told}))
    order by id for no key update`);
  await tx.execute(sql`
    with running as (
      update batch_executions e set status = 'running', started_at = least(${at}, greatest(e.created_at, told.at))
      from ${told} where e.id = told.id and e.status = 'scheduled' returning e.job_id, e.started_at),
    begun as (
      update batch_jobs j set status = 'running', started_at = coalesce(j.started_at, r.at)
      from (select job_id, min(started_at) as at from running group by job_id) r
      where j.id = r.job_id and j.status = 'scheduled' returning j.id)
    insert into events (subject, code, message, data, at)
    select id, 'started', 'A machine runs it.', '{}', ${at} from begun`);
}
