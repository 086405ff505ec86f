// What the database says after a fault: what is still open, what a key made, and jobs that exist in part only.
import { sql } from "drizzle-orm";
import type { Db } from "../../server/deps.ts";

const LOOK_EVERY_MS = 100;

/** Everything that a world of stopped jobs must not have any more. */
export interface Leftovers {
  readonly unsettled: number;
  readonly liveExecutions: number;
  readonly desired: number;
  readonly gpusHeld: number;
  /** micro-USD */
  readonly moneyHeld: string;
}

export const NOTHING: Leftovers = { unsettled: 0, liveExecutions: 0, desired: 0, gpusHeld: 0, moneyHeld: "0" };

export async function leftovers(db: Db): Promise<Leftovers> {
  const [row] = await db.execute<{ left: Leftovers }>(sql`select json_build_object(
    'unsettled', (select count(*) from jobs where settled_at is null),
    'liveExecutions', (select count(*) from executions
      where status in ('scheduled','starting','running','unreachable','stopping')),
    'desired', (select count(*) from desired_executions),
    'gpusHeld', (select count(*) from gpus where execution_id is not null),
    'moneyHeld', (select coalesce(sum(held_cash + held_promotion), 0)::text from accounts)) as left`);
  if (!row) throw new Error("the database counts nothing");
  return row.left;
}

/** @returns what is left once nothing is, or after `withinMs` */
export async function leftoversWithin(db: Db, withinMs: number): Promise<Leftovers> {
  const deadlineMs = Date.now() + withinMs;
  for (;;) {
    const left = await leftovers(db);
    const none = Object.values(left).every((count) => Number(count) === 0);
    if (none || Date.now() > deadlineMs) return left;
    await new Promise((wake) => setTimeout(wake, LOOK_EVERY_MS));
  }
}

/** Every job there is: its id by its name, which is the key that made it. A key with two jobs has two lines. */
export async function jobsByKey(db: Db): Promise<{ key: string; id: string; status: string }[]> {
  return [
    ...(await db.execute<{ key: string; id: string; status: string }>(sql`
      select j.name as key, j.id, e.status from jobs j left join executions e on e.id = j.execution_id order by j.name`)),
  ];
}

/** Jobs of which a part is missing: execution, GPUs, hold with its booking, first event, or the answer of its key. */
export async function halfJobs(db: Db): Promise<unknown[]> {
  return [
    ...(await db.execute(sql`
      select * from (select j.name as key,
        exists (select from executions e where e.id = j.execution_id and e.job_id = j.id) as execution,
        (select count(*)::int from gpus g where g.execution_id = j.execution_id) = j.gpu_count
          or j.settled_at is not null or exists (select from executions e where e.id = j.execution_id
            and e.status not in ('scheduled','starting','running','unreachable','stopping')) as gpus,
        exists (select from holds h where h.job_id = j.id) as hold,
        exists (select from postings n where n.job_id = j.id) as booked,
        exists (select from events v where v.subject = j.id and v.code = 'rented') as event,
        exists (select from idempotency i where i.key = j.name and i.response->'answer'->>'jobId' = j.id) as answer
        from jobs j) parts
      where not (execution and gpus and hold and booked and event and answer)`)),
  ];
}
