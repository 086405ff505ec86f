// Web and worker are killed beside so many live rentals, and started again: how long until they serve.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { RentWish } from "../domain/job/wish.ts";
import { buildChanged, reasonOf } from "../scripts/build.ts";
import { freePort } from "../scripts/embedded-postgres.ts";
import { Journal, newCustomer, rent } from "../scripts/faults/customers.ts";
import { answers, program } from "../scripts/faults/program.ts";
import { parseEnv } from "../server/env.ts";
import { createRuntime } from "../server/runtime.ts";
import { rentGpu } from "../server/usecases/job/rent-gpu.ts";
import type { BenchPostgres } from "./database.ts";
import { measure, summary, times } from "./measure.ts";
import { seedCustomers, seedProviders } from "./seed.ts";

const LIVE = Number(process.env.BENCH_LIVE ?? 1_000);
const RESTARTS = Number(process.env.BENCH_RESTARTS ?? 5);
const GPUS_EACH = 8;
const CAUGHT_UP_WITHIN_MS = 300_000;

const WISH: RentWish = {
  ...{ name: "live", providerId: null, gpuModel: null, gpuCount: 1, cpuCores: 1, memoryGb: 1, diskGb: 1, hours: 24 },
  ...{ maxRate: null, image: "berth/bench", template: null, minVramMb: 0, command: null, httpPort: null, env: {} },
  sshPublicKeys: [],
};

export interface Restarts {
  readonly readyMs: number[];
  readonly rentedMs: number[];
  readonly caughtUpMs: number[];
}

/** @param onEnd keeps what takes everything back, for a run that is interrupted */
export async function benchRestart(postgres: BenchPostgres, onEnd: (close: () => Promise<void>) => void) {
  const { failed } = await buildChanged((sentence) => process.stderr.write(`${sentence}\n`));
  for (const { name, cause } of failed) throw new Error(`${name} does not build: ${reasonOf(cause)}`);
  const { readyMs, rentedMs, caughtUpMs } = await restarts(await postgres.database("restart"), LIVE, RESTARTS, onEnd);
  const line = (what: string, ms: number[]) =>
    `| ${what} | ${times(summary(ms, 1))}, max ${Math.round(Math.max(...ms))} ms |`;
  const note = [
    `| web and worker killed and started beside ${LIVE.toLocaleString("en")} live rentals, all of them due, ${RESTARTS} times | from the start of both |`,
    "| --- | --- |",
    line("`/ready` says ready, worker included", readyMs),
    line("the first rent is answered", rentedMs),
    line("all live rentals were looked at", caughtUpMs),
  ].join("\n");
  return { rows: [], note };
}

/** @returns each restart's times, from its start */
export async function restarts(
  databaseUrl: string,
  live: number,
  times: number,
  onEnd: (close: () => Promise<void>) => void,
): Promise<Restarts> {
  const folder = await mkdtemp(join(tmpdir(), "berth-bench-restart-"));
  const runtime = await createRuntime(parseEnv({ DATABASE_URL: databaseUrl, BERTH_DEMO: "1" }), "bench");
  const { db } = runtime.deps;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { PATH, HOME } = process.env;
  const env: NodeJS.ProcessEnv = {
    ...{ PATH, HOME, NODE_ENV: "production", BERTH_DEMO: "1", DATABASE_URL: databaseUrl },
    ...{ PORT: String(port), PUBLIC_URL: url, NEXTAUTH_URL: url },
  };
  const isReady = async () => {
    const reply = await fetch(`${url}/ready`).catch(() => null);
    return reply?.ok === true && (await reply.json()).status === "ready";
  };
  const web = program("web", join(folder, "web.log"), env, () => answers(`${url}/ready`));
  const worker = program("worker", join(folder, "worker.log"), env, async (log) => log.includes("the worker runs"));
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      await Promise.all([web.end("SIGKILL"), worker.end("SIGKILL")]);
      await runtime.close();
      await rm(folder, { recursive: true, force: true });
    })();
    return closed;
  };
  onEnd(close);
  try {
    await seedProviders(runtime.deps, Math.ceil(live / GPUS_EACH) + 10, GPUS_EACH);
    const renters = await seedCustomers(runtime.deps, 16);
    await measure(renters.length, { count: live }, async (_, loop) => {
      const renter = renters[loop];
      if (renter) await rentGpu(runtime.deps, renter, WISH, { key: null, request: null });
    });
    await showRunning(db);
    const took: Restarts = { readyMs: [], rentedMs: [], caughtUpMs: [] };
    for (let n = 0; n < times; n++) {
      await Promise.all([web.end("SIGKILL"), worker.end("SIGKILL")]);
      // They were away for a while: everything is due, and every machine beats as it comes back.
      await db.execute(sql`update executions set next_reconcile_at = now() where status = 'running'`);
      await db.execute(sql`update provider_presence set last_seen_at = now()`);
      await db.execute(sql`update workers set seen_at = now() - interval '1 hour'`);
      const startedMs = performance.now();
      const since = () => performance.now() - startedMs;
      const starting = Promise.all([web.start(), worker.start()]);
      while (!(await isReady())) await sleep(10);
      took.readyMs.push(since());
      const customer = await newCustomer(url, new Journal());
      await rent(customer, `restart-${n}`, 1);
      took.rentedMs.push(since());
      for (;;) {
        const [due] = await db.execute<{ n: number }>(sql`select count(*)::int as n from executions
          where status = 'running' and (next_reconcile_at <= now() + interval '1 minute' or reconcile_attempts > 0)`);
        if (due?.n === 0) break;
        if (since() > CAUGHT_UP_WITHIN_MS) throw new Error(`${due?.n} live rentals were not looked at`);
        await sleep(20);
      }
      took.caughtUpMs.push(since());
      await starting;
    }
    const [row] = await db.execute<{ n: number }>(
      sql`select count(*)::int as n from executions where status = 'running'`,
    );
    if (row?.n !== live) throw new Error(`${row?.n} of ${live} rentals still run`);
    return took;
  } finally {
    await close();
  }
}

/** As if the agents had started what was rented: what runs, by its row and by their reports. */
async function showRunning(db: Parameters<typeof rentGpu>[0]["db"]): Promise<void> {
  await db.execute(sql`update executions set status = 'running', version = version + 1, applied_at = now(),
    started_at = now(), expires_at = now() + interval '24 hours', endpoint_host = '127.0.0.1', endpoint_port = 30022,
    endpoint_user = 'root'`);
  await db.execute(sql`update provider_presence p set report = coalesce((select jsonb_agg(jsonb_build_object('id', e.id,
    'state', 'ready', 'port', 30022, 'user', 'root')) from executions e where e.provider_id = p.provider_id), '[]')`);
}
