// Batch jobs while everything that decides, gives out and runs them is killed again and again.
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expectSound } from "../../server/testing/sound.ts";
import { type Customer, Journal, newCustomer } from "./customers.ts";
import { batchJob, rightResult, type Submitted, submit, undecidedWithin } from "./testing/batch-jobs.ts";
import { type BatchStand, type FleetAgent, openBatchStand } from "./testing/batch-stand.ts";

/** A long run by hand: BERTH_BATCH_JOBS=10000 */
const JOBS = Number(process.env.BERTH_BATCH_JOBS ?? 400);
const CUSTOMERS = 4;
/** Of one customer; with so many asks at once some are always cut by a kill. */
const ASKS_AT_ONCE = 3;
const PLAYED = 6;
const REAL = 2;
const CORES = 16;
/** No run takes that long, and no kill; a copy that a killed machine forgot would wait for two minutes more. */
const TIMEOUT_SECONDS = 30;
/** Of each kind two, however fast the jobs were and however slow the machine is. */
const LEAST_KILLS = 6;
const DECIDED_WITHIN_MS = 180_000 + JOBS * 100;

let stand: BatchStand;
let agents: FleetAgent[];
let journal: Journal;

// Before each try: what one try left behind says nothing of the next.
beforeEach(async () => {
  agents = [];
  journal = new Journal();
  stand = await openBatchStand({ webs: 2, workers: 2 });
  for (let n = 0; n < PLAYED + REAL; n++) {
    const role = n < PLAYED ? "honest" : "real";
    agents.push(await stand.agent({ name: `${role}-${n}`, cores: CORES, role, web: n % 2 }));
  }
}, 180_000);
afterEach(() => stand?.[Symbol.asyncDispose](), 60_000);

test(
  "webs, workers and agents killed again and again lose no batch job, decide none twice, and leave none without an end",
  async () => {
    const startedMs = Date.now();
    const customers = await Promise.all(
      Array.from({ length: CUSTOMERS }, (_, n) => newCustomer(stand.urls[n % 2] ?? "", journal)),
    );
    const submitted: Submitted = new Map();
    const over = new AbortController();
    const work = async () => {
      await Promise.all(customers.map((customer, n) => submitMany(customer, n, submitted)));
      if (JOBS > 1_000) await undecidedWithin(stand.db, DECIDED_WITHIN_MS);
      over.abort();
    };
    // Together: what cannot be started again fails the test at once, and leaves nobody asking for ever.
    const [kills] = await Promise.all([killAtRandom(over.signal), work()]);
    const unfinished = await undecidedWithin(stand.db, DECIDED_WITHIN_MS);
    const seconds = (Date.now() - startedMs) / 1000;

    const [count] = await stand.db.execute<{ jobs: number; executions: number; live: number }>(sql`select
      (select count(*)::int from batch_jobs where purpose = 'customer') as jobs,
      (select count(*)::int from batch_executions) as executions,
      (select count(*)::int from batch_executions where status in ('scheduled','running')) as live`);
    const [unevenly, scored] = [await decidedUnevenly(), await scoredTwice()];
    process.stdout.write(
      `${count?.jobs} jobs, ${count?.executions} executions, ${kills} kills, ${seconds.toFixed(1)} s, ` +
        `${(JOBS / seconds).toFixed(1)} jobs a second, ${unfinished} unfinished, ` +
        `${unevenly.filter(({ verdicts }) => verdicts > 1).length} decided twice; ` +
        `${journal.broken} of ${journal.requests} requests cut\n`,
    );
    expect(unfinished).toBe(0);
    expect(unevenly).toEqual([]);
    expect(scored).toEqual([]);
    expect(kills).toBeGreaterThanOrEqual(LEAST_KILLS);
    expect(submitted.size).toBe(JOBS);
    expect(count).toMatchObject({ jobs: JOBS, live: 0 });
    expect(await expectSound(stand.db)).toEqual([]);
    await Promise.all(customers.map((customer) => expectRight(customer, submitted)));
    expect(journal.hung).toBe(0);
    const programs = [...stand.webs, ...stand.workers, ...agents.map(({ program }) => program)];
    expect(programs.flatMap(({ crashes }) => crashes)).toEqual([]);
  },
  2 * DECIDED_WITHIN_MS + 120_000,
);

async function submitMany(customer: Customer, n: number, submitted: Submitted): Promise<void> {
  const most = Math.ceil((JOBS - n) / CUSTOMERS);
  let next = 0;
  const asking = Array.from({ length: ASKS_AT_ONCE }, async () => {
    while (next < most) {
      const key = `c${n}-${next++}`;
      const twins = next % 20 === 0 ? 2 : 1;
      const ask = () => submit(customer, { key, timeoutSeconds: TIMEOUT_SECONDS }, submitted);
      await Promise.all(Array.from({ length: twins }, ask));
    }
  });
  await Promise.all(asking);
}

/** @returns how often */
async function killAtRandom(over: AbortSignal): Promise<number> {
  let kills = 0;
  for (; kills < LEAST_KILLS || !over.aborted; kills++) {
    await pause(500 + Math.random() * 2_000, over);
    const kinds = [stand.webs, stand.workers, agents.map(({ program }) => program)];
    const kind = kinds[kills % kinds.length] ?? [];
    const victim = kind[Math.floor(Math.random() * kind.length)];
    await victim?.end("SIGKILL");
    await pause(Math.random() * 1_500, over);
    await victim?.start();
  }
  return kills;
}

/** Each job of a customer is what it was submitted as, and has its right result. */
async function expectRight(customer: Customer, submitted: Submitted): Promise<void> {
  for (const [id, job] of submitted) {
    if (job.customer !== customer) continue;
    const { status, result, name } = await batchJob(customer, id);
    expect({ status, result, name }).toEqual({ status: "completed", result: rightResult(job.input), name: job.input });
  }
}

/** Jobs, of any purpose, without exactly one verdict in their timeline. */
async function decidedUnevenly(): Promise<{ id: string; verdicts: number }[]> {
  const rows = await stand.db.execute<{ id: string; verdicts: number }>(sql`
    select id, verdicts from batch_jobs j cross join lateral (
      select count(*)::int as verdicts from events e where e.subject = j.id and e.code in
        ('verified','unverified','job-error','nondeterministic','unresolved','failed','cancelled')) told
    where verdicts <> 1`);
  return [...rows];
}

/** Scores given more than once for one job. */
async function scoredTwice(): Promise<unknown[]> {
  return stand.db.execute(sql`
    select provider_id, job_id from reputation_events where job_id is not null
    group by provider_id, job_id having count(*) > 1 limit 5`);
}

async function pause(ms: number, over: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: over }).catch(() => {});
}
