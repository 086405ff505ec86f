// What is known of providers from verified results, and their public score: read under their lock, written together.
import { type SQL, sql } from "drizzle-orm";
import type { JobId, ProviderId } from "../../domain/ids.ts";
import type { Admission, Presence, Runtime } from "../../domain/provider/state.ts";
import type { Tx } from "../deps.ts";
import { textArray } from "./arrays.ts";

/** A locked provider. Counts decay from `at` on. */
export interface KnownProvider {
  readonly id: ProviderId;
  readonly owner: string;
  readonly runtime: Runtime;
  readonly admission: Admission;
  readonly presence: Presence;
  readonly reputation: number;
  readonly verified: number;
  readonly bad: number;
  readonly at: Date | null;
  readonly streak: number;
  readonly jobsRun: number;
  readonly jobsGood: number;
  readonly jobsFailed: number;
  readonly errors: number;
  readonly restingUntil: Date | null;
  readonly quarantined: boolean;
}

type Row = Omit<KnownProvider, "at" | "restingUntil"> & { at: string | null; restingUntil: string | null };

export async function lockProvidersWithEvidence(
  tx: Tx,
  ids: readonly ProviderId[],
): Promise<Map<ProviderId, KnownProvider>> {
  if (ids.length === 0) return new Map();
  const those = textArray(ids);
  // Sent together, and run one after the other: what another transaction knew of them before the lock is seen.
  const locked = tx.execute(sql`select 1 from providers where id = any(${those}) order by id for no key update`);
  const read = tx.execute<Row>(sql`
    select p.id, p.owner, p.runtime, p.admission, p.presence, p.reputation, coalesce(e.verified, 0) as verified,
      coalesce(e.bad, 0) as bad, e.at, coalesce(e.streak, 0) as streak, coalesce(e.jobs_run, 0) as "jobsRun",
      coalesce(e.jobs_good, 0) as "jobsGood", coalesce(e.jobs_failed, 0) as "jobsFailed",
      coalesce(e.errors, 0) as errors, e.resting_until as "restingUntil", e.quarantined_at is not null as quarantined
    from providers p left join provider_evidence e on e.provider_id = p.id where p.id = any(${those})`);
  const [, rows] = await Promise.all([locked, read]);
  return new Map(
    rows.map((row) => [
      row.id,
      {
        ...row,
        at: row.at === null ? null : new Date(row.at),
        restingUntil: row.restingUntil === null ? null : new Date(row.restingUntil),
      },
    ]),
  );
}

/** A change of the score as it was applied, within its bounds. */
export interface ScoreChange {
  readonly providerId: ProviderId;
  readonly delta: number;
  readonly reason: string;
  readonly jobId: JobId;
}

/** Writes what is known of locked providers now, and their scores, with their ledger and in their offers; sent together. */
export async function writeKnown(
  tx: Tx,
  known: readonly KnownProvider[],
  scores: readonly ScoreChange[],
  now: Date,
): Promise<void> {
  const at = sql`${now.toISOString()}::timestamptz`;
  await Promise.all([writeEvidence(tx, known, at), writeScores(tx, scores, at)]);
}

async function writeEvidence(tx: Tx, known: readonly KnownProvider[], at: SQL): Promise<void> {
  if (known.length === 0) return;
  await tx.execute(sql`
    insert into provider_evidence as e (provider_id, verified, bad, at, streak, jobs_run, jobs_good, jobs_failed, errors,
      resting_until)
    select id, verified, bad, coalesce(k.at, ${at}), streak, "jobsRun", "jobsGood", "jobsFailed", errors, "restingUntil"
    from jsonb_to_recordset(${JSON.stringify(known)}::jsonb) as k(id text, verified double precision,
      bad double precision, at timestamptz, streak integer, "jobsRun" integer, "jobsGood" integer, "jobsFailed" integer,
      errors integer, "restingUntil" timestamptz)
    on conflict (provider_id) do update set verified = excluded.verified, bad = excluded.bad, at = excluded.at,
      streak = excluded.streak, jobs_run = excluded.jobs_run, jobs_good = excluded.jobs_good,
      jobs_failed = excluded.jobs_failed, errors = excluded.errors, resting_until = excluded.resting_until`);
}

async function writeScores(tx: Tx, scores: readonly ScoreChange[], at: SQL): Promise<void> {
  if (scores.length === 0) return;
  await tx.execute(sql`
    with changes as (
      select * from jsonb_to_recordset(${JSON.stringify(scores)}::jsonb) as s("providerId" text, delta integer, reason text,
        "jobId" text)),
    booked as (
      insert into reputation_events (provider_id, delta, reason, job_id, at)
      select "providerId", delta, reason, "jobId", ${at} from changes),
    scored as (
      update providers p set reputation = p.reputation + c.delta
      from (select "providerId", sum(delta)::int as delta from changes group by 1 having sum(delta) <> 0) c
      where p.id = c."providerId" returning p.id, p.reputation)
    update offers o set reputation = s.reputation from scored s where o.provider_id = s.id`);
}
