// What is law in a random history of batch jobs beside what is true of any sound database: between two steps, and in the end.
import { sql } from "drizzle-orm";
import {
  BATCH_EXECUTION_TRANSITIONS,
  type BatchExecutionStatus,
  isBatchLive,
} from "../../domain/execution/batch-state.ts";
import { type BatchStatus, isDecided, type Verdict } from "../../domain/job/batch.ts";
import { driftedProviders } from "../repos/offers.ts";
import { LIE } from "./batch-chance.ts";
import type { Cast, SeenJob, SeenRun } from "./batch-deeds.ts";
import { expectSound } from "./sound.ts";

type Row = {
  id: SeenJob["id"];
  account: string;
  status: BatchStatus;
  verdict: Verdict | null;
  result: string | null;
  kind: SeenRun["kind"];
  /** how often its customer was told of a recall */
  told: number;
  runs:
    | (Pick<SeenRun, "id" | "providerId" | "status"> & { end: string | null; endedAt: string | null; paid: number })[]
    | null;
};
export type Seen = ReadonlyMap<Row["id"], Row>;

/** Reads what is there, and holds it against what was there a step before: what has ended stays as it ended. */
export async function look(cast: Cast, before: Seen): Promise<Seen> {
  const rows = await cast.life.db.execute<Row>(sql`
    select j.id, j.account, j.status, j.verdict, j.result_execution_id as result, j.comparator->>'kind' as kind,
      (select count(*)::int from events where subject = j.id and code in ('recalled','confirmed')) as told,
      (select json_agg(json_build_object('id', e.id, 'providerId', e.provider_id, 'status', e.status, 'end', e.end_cause,
        'endedAt', e.ended_at, 'paid', e.paid) order by e.id) from batch_executions e where e.job_id = j.id) as runs
    from batch_jobs j order by j.id`);
  cast.jobs = rows.map(({ id, account, status }) => ({ id, account, decided: isDecided(status) }));
  cast.runs = rows.flatMap(({ id: jobId, kind, runs }) => (runs ?? []).map((run) => ({ ...run, jobId, kind })));
  const seen = new Map(rows.map((row) => [row.id, row]));
  const gone = [...before.values()].filter(({ id }) => !seen.has(id)).map(({ id }) => id);
  law([...gone.map((id) => `${id} vanished`), ...rows.flatMap((row) => changed(before.get(row.id), row))]);
  return seen;
}

function changed(before: Row | undefined, row: Row): string[] {
  const broken: string[] = [];
  if (before && isDecided(before.status)) {
    const said = ({ status, result, verdict }: Row) =>
      JSON.stringify([status, result, verdict && { ...verdict, recalledAt: null, recheck: null }]);
    if (said(before) !== said(row)) broken.push(`${row.id} was ${said(before)} and is ${said(row)}`);
    const taken = ({ verdict }: Row) => verdict?.recalledAt;
    if (taken(before) !== taken(row) && row.told <= before.told) broken.push(`${row.id} was recalled, and nobody told`);
  }
  const runs = new Map(before?.runs?.map((run) => [run.id, run]));
  for (const run of row.runs ?? []) {
    const was = runs.get(run.id);
    if (!reachable(was?.status ?? "scheduled").has(run.status))
      broken.push(`${run.id} went from ${was?.status} to ${run.status}`);
    if (!was || isBatchLive(was.status)) continue;
    if (was.end !== run.end || was.endedAt !== run.endedAt)
      broken.push(`${run.id} ended twice: ${was.end}, ${run.end}`);
    if (was.paid > 0 && was.paid !== run.paid) broken.push(`${run.id} was paid ${was.paid} and then ${run.paid}`);
  }
  return broken;
}

function reachable(from: BatchExecutionStatus): ReadonlySet<BatchExecutionStatus> {
  const all = new Set([from]);
  for (const status of all)
    for (const next of Object.values<BatchExecutionStatus>(BATCH_EXECUTION_TRANSITIONS[status])) all.add(next);
  return all;
}

/** What every file has that begins with a lie. */
const IN_BASE64 = Buffer.from(LIE).toString("base64").slice(0, 6);

export async function atTheEnd({ life, colluding }: Cast): Promise<void> {
  law(await expectSound(life.db));
  law((await driftedProviders(life.db)).map((id) => `the offers of ${id} are not what it has free`));
  const none = async (name: string, broken: ReturnType<typeof sql>) =>
    law((await life.db.execute(broken)).map((row) => `${name}: ${JSON.stringify(row)}`));
  await none(
    "a score is the sum of its events",
    sql`select p.id, p.reputation, sum(r.delta) from providers p left join reputation_events r on r.provider_id = p.id
      group by p.id having p.reputation <> coalesce(sum(r.delta), 0)`,
  );
  await none(
    "one key, one job",
    sql`select account, name, count(*) from batch_jobs where purpose = 'customer' group by 1, 2 having count(*) > 1`,
  );
  await none("nothing lives in the end", sql`select id from batch_executions where status in ('scheduled','running')`);
  if (colluding) return;
  await none(
    "no lie is accepted where liars do not agree",
    sql`select j.id from batch_jobs j join batch_results r on r.execution_id = j.result_execution_id
      where j.verdict->>'kind' = 'accepted' and j.purpose = 'customer' and (r.stdout like ${`%${LIE}%`} or r.files::text like ${`%${IN_BASE64}%`})`,
  );
}

export async function count({ life }: Cast): Promise<Record<string, number>> {
  const rows = await life.db.execute<{ what: string; times: number }>(sql`
    select verdict->>'kind' as what, count(*)::int as times from batch_jobs where purpose = 'customer' group by 1
    union all select purpose, count(*)::int from batch_jobs where purpose <> 'customer' group by 1
    union all select code, count(*)::int from events where code in ('recalled','confirmed','quarantined') group by 1`);
  return Object.fromEntries(rows.map(({ what, times }) => [what, times]));
}

/** @throws Error that says what is broken */
export function law(broken: readonly string[]): void {
  if (broken.length > 0) throw new Error(broken.slice(0, 5).join("; "));
}
