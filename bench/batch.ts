// Batch jobs from their row to their verdict, as many as go, beside graphile-worker's plain jobs on the same PostgreSQL.
import { sql } from "drizzle-orm";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { BatchBody } from "../protocol/batch.ts";
import type { Deps } from "../server/deps.ts";
import { dispatchBatch } from "../server/usecases/batch/dispatch-batch.ts";
import { submitBatch } from "../server/usecases/batch/submit-batch.ts";
import { takeResults } from "../server/usecases/batch/take-results.ts";
import { openFleet } from "./batch-fleet.ts";
import type { BenchPostgres } from "./database.ts";
import { type Measured, measure, perSecond, times } from "./measure.ts";
import { openProfile, PROFILING } from "./profile.ts";
import { seedCustomers } from "./seed.ts";

const JOBS = Number(process.env.BENCH_BATCH_JOBS ?? 4_000);
const MACHINES = 50;
const CUSTOMERS = 8;
const SUBMITS_AT_ONCE = 8;
/** One where statements are timed: waiting for the lock of another is no work. */
const DELIVERIES_AT_ONCE = PROFILING ? 1 : 4;
const WARM_UP = 100;
const GRAPHILE_CONCURRENCY = 16;
const BAR = 0.2;
const GOAL = 0.5;

const BODY = BatchBody.parse({
  ...{ kind: "batch", name: "bench", docker_image: "alpine", command: ["sh", "-c", "echo hello | sha256sum"] },
  max_price: "1.000000",
});

/** What a part of the work took: wall clock and CPU, in seconds. */
class Used {
  seconds = 0;
  node = 0;
  database = 0;
  constructor(private readonly postgres: BenchPostgres) {}
  async during<T>(work: () => Promise<T>): Promise<T> {
    const databaseBefore = (await this.postgres.cpuSeconds()) ?? Number.NaN;
    const before = process.cpuUsage();
    const startedMs = performance.now();
    const value = await work();
    this.seconds += (performance.now() - startedMs) / 1000;
    const { user, system } = process.cpuUsage(before);
    this.node += (user + system) / 1e6;
    this.database += ((await this.postgres.cpuSeconds()) ?? Number.NaN) - databaseBefore;
    return value;
  }
  each(count: number): string {
    const ms = (seconds: number) => `${((seconds * 1000) / count).toFixed(2)} ms`;
    return `${ms(this.node)} node, ${ms(this.database)} PostgreSQL`;
  }
}

export async function benchBatch(deps: Deps, postgres: BenchPostgres, databaseUrl: string) {
  const backlogs = await openFleet(deps, MACHINES);
  const customers = await seedCustomers(deps, CUSTOMERS);
  const submit = async (piece: number) => {
    const customer = customers[piece % CUSTOMERS];
    if (customer) await submitBatch(deps, customer, BODY, null);
  };
  const profile = await openProfile(databaseUrl);
  await measure(SUBMITS_AT_ONCE, { count: WARM_UP }, submit);
  await runAll(deps, backlogs, new Used(postgres), new Used(postgres));

  const submitting = new Used(postgres);
  const submitted = await submitting.during(() => measure(SUBMITS_AT_ONCE, { count: JOBS }, submit));
  const [dispatching, taking] = [new Used(postgres), new Used(postgres)];
  await profile.start();
  const executions = await runAll(deps, backlogs, dispatching, taking);
  const profiled = await profile.stop();
  await expectDecided(deps, WARM_UP + JOBS);
  const graphile = await throughGraphile(databaseUrl);

  const seconds = dispatching.seconds + taking.seconds;
  const ratio = executions / seconds / graphile.run.perSecond;
  const rate = (count: number, over: number) => `${Math.round(count / over).toLocaleString("en")}/s`;
  const met = ratio >= GOAL ? "goal met" : ratio >= BAR ? `bar met, goal ${GOAL} missed` : "bar missed";
  const note = [
    `| ${JOBS.toLocaleString("en")} batch jobs of quorum 2, ${MACHINES} machines of as many owners | rate | CPU each |`,
    "| --- | --- | --- |",
    `| **verified executions**: given out and their results taken, judged and paid | **${rate(executions, seconds)}** (${rate(JOBS, seconds)} verdicts) | ${both(dispatching, taking).each(executions)} |`,
    `| of which given out, rounds of 100 jobs | ${rate(executions, dispatching.seconds)} | ${dispatching.each(executions)} |`,
    `| of which results taken, batches of up to 100 | ${rate(executions, taking.seconds)} | ${taking.each(executions)} |`,
    `| graphile-worker's plain jobs, added before, ${GRAPHILE_CONCURRENCY} running | ${perSecond(graphile.run)} | |`,
    `| graphile-worker: adding, ${SUBMITS_AT_ONCE} at once | ${perSecond(graphile.add)}; ${times(graphile.add)} | |`,
    `| submit (use case), ${SUBMITS_AT_ONCE} at once, not counted above | ${perSecond(submitted)}; ${times(submitted)} | ${submitting.each(JOBS)} |`,
    "",
    "| bar | this run |",
    "| --- | --- |",
    `| verified batch executions a second ÷ graphile-worker's plain jobs a second: ≥ ${BAR} | ${ratio.toFixed(2)}: ${met} |`,
    ...(profiled ? ["", profiled] : []),
  ].join("\n");
  return { rows: [], note };

  function both(a: Used, b: Used): Used {
    const sum = new Used(postgres);
    sum.node = a.node + b.node;
    sum.database = a.database + b.database;
    return sum;
  }
}

/** Until nothing wants machines and nothing lives. What machines do, signing included, is not counted. @returns executions */
async function runAll(deps: Deps, backlogs: Awaited<ReturnType<typeof openFleet>>, dispatching: Used, taking: Used) {
  let taken = 0;
  for (;;) {
    await dispatching.during(async () => {
      while ((await dispatchBatch(deps)) > 0);
    });
    const waiting = await backlogs();
    if (waiting.length === 0) return taken;
    await taking.during(() =>
      measure(DELIVERIES_AT_ONCE, { count: waiting.length }, async (piece) => {
        const one = waiting[piece];
        if (!one) return;
        const { results } = await takeResults(deps, one.providerId, one.reports);
        const refused = results.find(({ status }) => status !== "accepted");
        if (refused) throw new Error(`a result was ${refused.status}: ${refused.detail}`);
        taken += results.length;
      }),
    );
  }
}

/** A broker that forgets some would be fast, and of no use. */
async function expectDecided({ db }: Deps, wanted: number): Promise<void> {
  const [row] = await db.execute<{ accepted: number; unpaid: number }>(sql`
    select count(*) filter (where status = 'completed' and verdict->>'kind' = 'accepted')::int as accepted,
      count(*) filter (where taken_cash + taken_promotion = 0 or held_cash + held_promotion > 0)::int as unpaid
    from batch_jobs where purpose = 'customer'`);
  if (row?.accepted !== wanted || row.unpaid > 0)
    throw new Error(`${row?.accepted} of ${wanted} jobs were accepted, and ${row?.unpaid} not paid`);
}

async function throughGraphile(connectionString: string): Promise<{ readonly add: Measured; readonly run: Measured }> {
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  const jobs = JOBS * 2;
  const add = await measure(SUBMITS_AT_ONCE, { count: jobs }, (piece) => utils.addJob("bench", { piece }));
  let done = 0;
  let startedMs = 0;
  let allDone = () => {};
  const all = new Promise<void>((resolve) => {
    allDone = resolve;
  });
  const runner = await run({
    connectionString,
    concurrency: GRAPHILE_CONCURRENCY,
    noHandleSignals: true,
    logger,
    taskList: {
      bench: async () => {
        if (done === 0) startedMs = performance.now();
        done += 1;
        if (done === jobs) allDone();
      },
    },
  });
  await all;
  const seconds = (performance.now() - startedMs) / 1000;
  await runner.stop();
  await utils.release();
  return { add, run: { count: jobs, seconds, perSecond: jobs / seconds, p50Ms: Number.NaN, p95Ms: Number.NaN } };
}
