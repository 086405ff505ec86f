// Panels for judging: locked together in the order of law 8, and written back, many rows a statement.
import { asc, type SQL, sql } from "drizzle-orm";
import type { ExecutionId, JobId, ProviderId } from "../../domain/ids.ts";
import { batchExecutions, batchJobs } from "../../drizzle/schema/batch.ts";
import type { Db, Tx } from "../deps.ts";
import { textArray } from "./arrays.ts";
import { type KnownProvider, lockProvidersWithEvidence } from "./evidence.ts";

const JOB = {
  id: batchJobs.id,
  account: batchJobs.account,
  purpose: batchJobs.purpose,
  about: batchJobs.about,
  expectedDigest: batchJobs.expectedDigest,
  redundancy: batchJobs.redundancy,
  consensus: batchJobs.consensus,
  assurance: batchJobs.assurance,
  dispatch: batchJobs.dispatch,
  comparator: batchJobs.comparator,
  network: batchJobs.network,
  reusable: batchJobs.reusable,
  envNames: batchJobs.envNames,
  gpuCount: batchJobs.gpuCount,
  timeoutSeconds: batchJobs.timeoutSeconds,
  queueTimeoutSeconds: batchJobs.queueTimeoutSeconds,
  heldCash: batchJobs.heldCash,
  heldPromotion: batchJobs.heldPromotion,
  takenCash: batchJobs.takenCash,
  takenPromotion: batchJobs.takenPromotion,
  status: batchJobs.status,
  reason: batchJobs.reason,
  copiesWanted: batchJobs.copiesWanted,
  waitingSince: batchJobs.waitingSince,
  tied: batchJobs.tied,
  hedged: batchJobs.hedged,
  poolGroups: batchJobs.poolGroups,
  poolGroupsUnfiltered: batchJobs.poolGroupsUnfiltered,
  nextLookAt: batchJobs.nextLookAt,
  verdict: batchJobs.verdict,
  resultExecutionId: batchJobs.resultExecutionId,
  createdAt: batchJobs.createdAt,
  startedAt: batchJobs.startedAt,
  decidedAt: batchJobs.decidedAt,
} as const;

type Row = typeof batchJobs.$inferSelect;
export type PanelJob = Pick<Row, keyof typeof JOB>;
export type Member = typeof batchExecutions.$inferSelect;

export interface LockedPanels {
  readonly jobs: readonly PanelJob[];
  /** by job, in the order in which they were given out */
  readonly members: ReadonlyMap<JobId, readonly Member[]>;
  readonly providers: ReadonlyMap<ProviderId, KnownProvider>;
}

interface Parties {
  readonly jobs: readonly JobId[];
  readonly accounts: readonly string[];
  readonly providers: readonly ProviderId[];
}

/** Jobs that checks are about, with all checks of them: what one of these comes to may be held against the others. */
async function familiesOf(tx: Tx, abouts: readonly JobId[]): Promise<JobId[]> {
  if (abouts.length === 0) return [];
  const those = textArray(abouts);
  const rows = await tx.execute<{ id: JobId }>(sql`
    select id from batch_jobs where id = any(${those}) union select id from batch_jobs where about = any(${those})`);
  return rows.map(({ id }) => id);
}

/** Whose accounts and machines jobs touch, read before anything is locked. */
async function parties(tx: Tx, jobIds: readonly JobId[]): Promise<Parties> {
  const rows = await tx.execute<{
    id: JobId;
    about: JobId | null;
    account: string;
    providers: ProviderId[] | null;
  }>(sql`
    select j.id, j.about, j.account,
      (select json_agg(e.provider_id) from batch_executions e where e.job_id = j.id) as providers
    from batch_jobs j where j.id = any(${textArray(jobIds)})`);
  const known = new Set(jobIds);
  const families = [...new Set(rows.flatMap(({ about }) => about ?? []))];
  const others = (await familiesOf(tx, families)).filter((id) => !known.has(id));
  if (others.length > 0) return parties(tx, [...known, ...others]);
  return {
    jobs: rows.map(({ id }) => id),
    accounts: [...new Set(rows.map(({ account }) => account))],
    providers: [...new Set(rows.flatMap(({ providers }) => providers ?? []))],
  };
}

/**
 * Locks accounts, providers, jobs and executions, each kind in the order of its ids; with a check, what it is about.
 * @returns null where a copy was given out meanwhile to a machine that is not locked: begin again
 */
export async function lockPanels(tx: Tx, jobIds: readonly JobId[]): Promise<LockedPanels | null> {
  const { jobs: all, accounts, providers: providerIds } = await parties(tx, jobIds);
  const ids = textArray(all);
  // What is sent together runs in this order: the locks are taken one kind after the other.
  const [, providers] = await Promise.all([lockAccounts(tx, accounts), lockProvidersWithEvidence(tx, providerIds)]);
  const [jobs, rows] = await Promise.all([lockJobs(tx, ids), lockExecutions(tx, ids)]);
  if (rows.some(({ providerId }) => !providers.has(providerId))) return null;
  const members = new Map<JobId, Member[]>();
  for (const row of rows) {
    const panel = members.get(row.jobId);
    if (panel) panel.push(row);
    else members.set(row.jobId, [row]);
  }
  return { jobs, members, providers };
}

async function lockAccounts(tx: Tx, addresses: readonly string[]): Promise<void> {
  await tx.execute(
    sql`select 1 from accounts where address = any(${textArray(addresses)}) order by address for no key update`,
  );
}

async function lockJobs(tx: Tx, ids: SQL): Promise<PanelJob[]> {
  return tx
    .select(JOB)
    .from(batchJobs)
    .where(sql`${batchJobs.id} = any(${ids})`)
    .orderBy(asc(batchJobs.id))
    .for("no key update");
}

async function lockExecutions(tx: Tx, jobIds: SQL): Promise<Member[]> {
  return tx
    .select()
    .from(batchExecutions)
    .where(sql`${batchExecutions.jobId} = any(${jobIds})`)
    .orderBy(asc(batchExecutions.id))
    .for("no key update");
}

/** Writes what executions came to. Their GPUs are free where they have ended. */
export async function writeMembers(tx: Tx, rows: readonly Member[], freed: readonly ExecutionId[]): Promise<void> {
  if (rows.length === 0) return;
  const changed = JSON.stringify(
    rows.map((row) => {
      const { id, status, startedAt, endedAt, runMs, exitCode, endCause, detail, digest, resultHash, vote, weight } =
        row;
      const told = { id, status, startedAt, endedAt, runMs, exitCode, endCause, detail, digest, resultHash };
      return { ...told, vote, weight, paid: row.paid.toString(), paidBy: row.paidBy };
    }),
  );
  const written = tx.execute(sql`
    update batch_executions e set status = m.status, "started_at" = m."startedAt", ended_at = m."endedAt",
      run_ms = m."runMs", exit_code = m."exitCode", end_cause = m."endCause", detail = m.detail, digest = m.digest,
      result_hash = m."resultHash", vote = m.vote, weight = m.weight, paid = m.paid, paid_by = m."paidBy"
    from jsonb_to_recordset(${changed}::jsonb) as m(id text, status text, "startedAt" timestamptz, "endedAt" timestamptz,
      "runMs" integer, "exitCode" integer, "endCause" text, detail text, digest text, "resultHash" text, vote text,
      weight double precision, paid bigint, "paidBy" text)
    where e.id = m.id`);
  const gpus =
    freed.length > 0 && sql`update gpus set execution_id = null where execution_id = any(${textArray(freed)})`;
  await Promise.all([written, gpus && tx.execute(gpus)]);
}

/** Writes what jobs became. */
export async function writeJobs(tx: Tx, rows: readonly PanelJob[]): Promise<void> {
  if (rows.length === 0) return;
  const text = (value: bigint) => value.toString();
  const changed = JSON.stringify(
    rows.map((row) => {
      const { id, status, reason, copiesWanted, waitingSince, tied, hedged, nextLookAt, verdict } = row;
      const { resultExecutionId, startedAt, decidedAt } = row;
      return {
        ...{ id, status, reason, copiesWanted, waitingSince, tied, hedged, nextLookAt, verdict },
        ...{ resultExecutionId, startedAt, decidedAt },
        ...{ heldCash: text(row.heldCash), heldPromotion: text(row.heldPromotion) },
        ...{ takenCash: text(row.takenCash), takenPromotion: text(row.takenPromotion) },
      };
    }),
  );
  await tx.execute(sql`
    update batch_jobs j set held_cash = c."heldCash", held_promotion = c."heldPromotion", taken_cash = c."takenCash",
      taken_promotion = c."takenPromotion", status = c.status, reason = c.reason, copies_wanted = c."copiesWanted",
      waiting_since = c."waitingSince", tied = c.tied, hedged = c.hedged, next_look_at = c."nextLookAt",
      verdict = c.verdict, result_execution_id = c."resultExecutionId", started_at = c."startedAt",
      decided_at = c."decidedAt",
      passed_until = case when c."copiesWanted" <> j.copies_wanted then null else j.passed_until end
    from jsonb_to_recordset(${changed}::jsonb) as c(id text, "heldCash" bigint, "heldPromotion" bigint,
      "takenCash" bigint, "takenPromotion" bigint, status text, reason text, "copiesWanted" integer,
      "waitingSince" timestamptz, tied boolean, hedged boolean, "nextLookAt" timestamptz, verdict jsonb,
      "resultExecutionId" text, "startedAt" timestamptz, "decidedAt" timestamptz)
    where j.id = c.id`);
}

export interface NewResult {
  readonly executionId: ExecutionId;
  readonly stdout: string;
  readonly stderr: string;
  readonly files: readonly { readonly path: string; readonly content: string }[];
  readonly signature: string;
}

export async function insertResults(tx: Tx, rows: readonly NewResult[], at: Date): Promise<void> {
  if (rows.length === 0) return;
  await tx.execute(sql`
    insert into batch_results (execution_id, stdout, stderr, files, signature, at)
    select "executionId", stdout, stderr, files, signature, ${at.toISOString()}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r("executionId" text, stdout text, stderr text, files jsonb,
      signature text)`);
}

/** What was delivered, for comparators that must read it. */
export async function deliveredTexts(
  tx: Tx,
  ids: readonly ExecutionId[],
): Promise<Map<ExecutionId, Pick<NewResult, "stdout" | "files">>> {
  if (ids.length === 0) return new Map();
  const rows = await tx.execute<Pick<NewResult, "executionId" | "stdout" | "files">>(sql`
    select execution_id as "executionId", stdout, files from batch_results where execution_id = any(${textArray(ids)})`);
  return new Map(rows.map(({ executionId, stdout, files }) => [executionId, { stdout, files }]));
}

/** What a result is checked by: the execution's job as it was submitted, which never changes. */
export interface Expected extends Pick<Row, "comparator" | "files"> {
  readonly id: ExecutionId;
  readonly jobId: JobId;
}

/** Of these, the executions that are this provider's. */
export async function expectedOf(
  db: Db | Tx,
  providerId: ProviderId,
  ids: readonly ExecutionId[],
): Promise<Map<ExecutionId, Expected>> {
  const rows = await db.execute<{
    id: ExecutionId;
    jobId: JobId;
    comparator: Expected["comparator"];
    files: readonly string[];
  }>(sql`
    select e.id, e.job_id as "jobId", j.comparator, j.files
    from batch_executions e join batch_jobs j on j.id = e.job_id
    where e.id = any(${textArray(ids)}) and e.provider_id = ${providerId}`);
  return new Map(rows.map((row) => [row.id, row]));
}
