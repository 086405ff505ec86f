// A whole control plane in real processes, to be killed: a durable PostgreSQL, one web and one worker.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterEach, beforeEach } from "vitest";
import type { Db } from "../../server/deps.ts";
import { freePort, type RunningPostgres, startPostgres } from "../embedded-postgres.ts";
import { migrateDatabase } from "../migrate.ts";
import { endProcess } from "../processes.ts";
import { HOME } from "./home.ts";
import { type Machine, startMachine } from "./machine.ts";
import { answers, type Program, program } from "./program.ts";

const run = promisify(execFile);

export interface Stack extends AsyncDisposable {
  readonly url: string;
  /** the test's own eye on the database */
  readonly db: Db;
  readonly web: Program;
  readonly worker: Program;
  /** PostgreSQL in immediate mode: no goodbye, no checkpoint, recovery at the next start. */
  crashDatabase(): Promise<void>;
  startDatabase(): Promise<void>;
  /** Every process of PostgreSQL stands still. @returns what makes them go on */
  pauseDatabase(): Promise<() => void>;
}

/**
 * What most tests stand on: a stack with two machines of 8 GPUs, made before each try of each test of the file that calls
 * it: what one try left behind says nothing of the next.
 */
export function stackWithMachines(): { readonly stack: Stack; readonly machines: readonly Machine[] } {
  let stack: Stack | undefined;
  let machines: Machine[] = [];
  beforeEach(async () => {
    [stack, machines] = [undefined, []];
    const opened = await openStack();
    stack = opened;
    machines = await Promise.all([1, 2].map((n) => startMachine(opened.url, `machine-${n}`, 8)));
  }, 180_000);
  afterEach(async () => {
    await Promise.all(machines.map((machine) => machine.stop()));
    await stack?.[Symbol.asyncDispose]();
  }, 60_000);
  return {
    get stack() {
      if (!stack) throw new Error("the stack is open inside tests only");
      return stack;
    },
    get machines() {
      return machines;
    },
  };
}

export async function openStack(): Promise<Stack> {
  await mkdir(HOME, { recursive: true });
  const folder = await mkdtemp(join(HOME, `${process.pid}-`));
  const server = { dataDir: join(folder, "data"), port: await freePort(), password: "test", durable: true };
  let database: RunningPostgres = await startPostgres(server);
  await migrateDatabase(database.url);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { PATH, HOME: home } = process.env;
  const env: NodeJS.ProcessEnv = {
    ...{ PATH, HOME: home, NODE_ENV: "production", BERTH_DEMO: "1" },
    ...{ DATABASE_URL: database.url, PORT: String(port), PUBLIC_URL: url, NEXTAUTH_URL: url },
  };
  const web = program("web", join(folder, "web.log"), env, () => answers(`${url}/ready`));
  const worker = program("worker", join(folder, "worker.log"), env, async (log) => log.includes("the worker runs"));
  const client = postgres(database.url, { max: 4, onnotice: () => {}, backoff: () => 0.2 });
  const stack: Stack = {
    url,
    db: drizzle(client),
    web,
    worker,
    crashDatabase: () => endProcess(database.pid, "SIGQUIT", 10_000),
    async startDatabase() {
      database = await startPostgres(server);
    },
    async pauseDatabase() {
      process.kill(database.pid, "SIGSTOP"); // first: it starts no child any more
      const children = await childrenOf(database.pid);
      for (const pid of children) process.kill(pid, "SIGSTOP");
      return () => {
        for (const pid of [...children, database.pid]) process.kill(pid, "SIGCONT");
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([web.end("SIGTERM"), worker.end("SIGTERM")]);
      await client.end({ timeout: 5 });
      await database.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all([web.start(), worker.start()]);
    return stack;
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid="]);
  return stdout.split("\n").flatMap((line) => {
    const [child, parent] = line.trim().split(/\s+/).map(Number);
    return child !== undefined && parent === pid ? [child] : [];
  });
}
