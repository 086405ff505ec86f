// Rows of the broker's own checks, of machines in quarantine, and of results that are taken back. Many rows a statement.
import { sql } from "drizzle-orm";
import { type ExecutionId, formatId, type JobId, type ProviderId } from "../../domain/ids.ts";
import type { Assurance, BatchPurpose } from "../../domain/job/batch.ts";
import type { Tx } from "../deps.ts";
import { textArray } from "./arrays.ts";

export interface NewCheck {
  readonly id: JobId;
  readonly purpose: Exclude<BatchPurpose, "customer">;
  /** an accepted job, whose content, price and account it has */
  readonly about: JobId;
  readonly copies: number;
  readonly assurance: Assurance;
  /** drawn among the providers with the most evidence */
  readonly tied: boolean;
  readonly leastQueueSeconds: number;
}

/** Checks look like what they are about to whoever runs them, and hold nobody's money. */
export async function insertChecks(tx: Tx, checks: readonly NewCheck[], now: Date): Promise<void> {
  if (checks.length === 0) return;
  const at = sql`${now.toISOString()}::timestamptz`;
  await tx.execute(sql`
    insert into batch_jobs (id, account, purpose, about, expected_digest, anonymous, name, description, image, command,
      sealed_env, env_names, input_data, cpu_cores, memory_gb, disk_gb, gpu_count, gpu_model, redundancy, consensus,
      assurance, dispatch, comparator, files, network, reusable, timeout_seconds, queue_timeout_seconds, panel_class, rate,
      held_cash, held_promotion, status, copies_wanted, waiting_since, tied, next_look_at, created_at)
    select c.id, o.account, c.purpose, o.id, o.verdict->>'digest', o.anonymous, o.name, o.description, o.image, o.command,
      o.sealed_env, o.env_names, o.input_data, o.cpu_cores, o.memory_gb, o.disk_gb, o.gpu_count, o.gpu_model, c.copies,
      c.copies, c.assurance, 'lazy', o.comparator, o.files, o.network, o.reusable, o.timeout_seconds,
      greatest(o.queue_timeout_seconds, c."leastQueueSeconds"), o.panel_class, o.rate, 0, 0, 'pending', c.copies, ${at},
      c.tied, ${at} + interval '1 second' * greatest(o.queue_timeout_seconds, c."leastQueueSeconds"), ${at}
    from jsonb_to_recordset(${JSON.stringify(checks)}::jsonb) as c(id text, purpose text, about text, copies integer,
      assurance text, tied boolean, "leastQueueSeconds" integer)
    join batch_jobs o on o.id = c.about`);
}

export interface Caught {
  readonly providerId: ProviderId;
  readonly reason: string;
}

/**
 * Sets locked providers with evidence aside, and notes from where on their results are to be looked through.
 * @param since what was given out before it is not looked through
 */
export async function writeQuarantine(tx: Tx, caught: readonly Caught[], since: Date, now: Date): Promise<void> {
  const first: ExecutionId = formatId("exec", since.getTime(), new Uint8Array(10));
  await tx.execute(sql`
    update provider_evidence e set quarantined_at = ${now.toISOString()}::timestamptz, quarantine_reason = c.reason,
      recall_after = ${first}
    from jsonb_to_recordset(${JSON.stringify(caught)}::jsonb) as c("providerId" text, reason text)
    where e.provider_id = c."providerId"`);
}

/** Results taken back are still verified again after that. @returns whether it was in quarantine */
export async function liftQuarantine(tx: Tx, id: ProviderId): Promise<boolean> {
  const rows = await tx.execute(sql`
    update provider_evidence set quarantined_at = null, quarantine_reason = ''
    where provider_id = ${id} and quarantined_at is not null returning 1`);
  return rows.length > 0;
}

/** A machine whose results are looked through; it is locked. */
export interface Recalling {
  readonly providerId: ProviderId;
  readonly after: ExecutionId;
}

/** One that nobody else works on now. */
export async function lockRecalling(tx: Tx): Promise<Recalling | null> {
  const [row] = await tx.execute<{ providerId: ProviderId; after: ExecutionId }>(sql`
    select p.id as "providerId", e.recall_after as after
    from provider_evidence e join providers p on p.id = e.provider_id where e.recall_after is not null
    order by p.id limit 1 for no key update of p, e skip locked`);
  return row ?? null;
}

/** The next executions of it, in their order, decided or not. */
export async function executionsAfter(
  tx: Tx,
  { providerId, after }: Recalling,
  limit: number,
): Promise<readonly { readonly id: ExecutionId; readonly jobId: JobId }[]> {
  return tx.execute<{ id: ExecutionId; jobId: JobId }>(sql`
    select id, job_id as "jobId" from batch_executions where provider_id = ${providerId} and id > ${after}
    order by id limit ${limit}`);
}

/** @param after null: all of it was looked through */
export async function writeRecalling(tx: Tx, id: ProviderId, after: ExecutionId | null): Promise<void> {
  await tx.execute(sql`update provider_evidence set recall_after = ${after} where provider_id = ${id}`);
}

/** A result that may rest on a caught machine; it is locked. */
export type Resting = {
  readonly id: JobId;
  readonly network: boolean;
  readonly consensus: number;
  readonly assurance: Assurance;
  /** distinct owners behind it whose machines are not caught, by its panel or a check of it */
  readonly standing: number;
};

/**
 * Locks those of these jobs, or that these are checks of, whose result a provider stands behind, decided since, and not verified
 * again by three yet. What waits to be confirmed is among them: somebody counted there may be caught now.
 */
export async function lockRestingOn(
  tx: Tx,
  id: ProviderId,
  jobs: readonly JobId[],
  since: Date,
): Promise<readonly Resting[]> {
  const family = sql`(f.id = j.id or (f.about = j.id and f.purpose in ('canary', 'audit')))`;
  return tx.execute<Resting>(sql`
    select j.id, j.network, j.consensus, j.assurance,
      (select count(distinct e.owner_group)::int from batch_jobs f join batch_executions e on e.job_id = f.id
        left join provider_evidence k on k.provider_id = e.provider_id
        where ${family} and e.vote = 'agreed' and e.status = 'succeeded' and e.provider_id <> ${id}
          and k.quarantined_at is null) as standing
    from batch_jobs j
    where j.id in (select coalesce(about, id) from batch_jobs where id = any(${textArray(jobs)}))
      and j.purpose = 'customer' and j.status = 'completed' and j.decided_at >= ${since.toISOString()}::timestamptz
      and (j.verdict->>'recalledAt' is null or j.verdict->>'recheck' is not null)
      and exists (select 1 from batch_jobs f join batch_executions e on e.job_id = f.id
        where ${family} and e.provider_id = ${id} and e.vote = 'agreed')
      and not exists (select 1 from batch_jobs r where r.about = j.id and r.purpose = 'recheck')
    order by j.id for no key update of j`);
}

/** Takes results of locked jobs back. Those that nobody verifies again are looked at now: their customers are refunded. */
export async function writeRecalled(
  tx: Tx,
  rows: readonly { readonly id: JobId; readonly recheck: JobId | null }[],
  now: Date,
): Promise<void> {
  if (rows.length === 0) return;
  await tx.execute(sql`
    update batch_jobs j set verdict = j.verdict
        || jsonb_build_object('recalledAt', ${now.toISOString()}::text, 'recheck', r.recheck),
      next_look_at = case when r.recheck is null then ${now.toISOString()}::timestamptz end
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(id text, recheck text) where j.id = r.id`);
}
