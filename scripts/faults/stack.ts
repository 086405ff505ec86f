// A whole control plane in real processes, to be killed: a durable PostgreSQL, one web and one worker.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll } from "vitest";
import type { Db } from "../../server/deps.ts";
import { freePort, type RunningPostgres, startPostgres } from "../embedded-postgres.ts";
import { migrateDatabase } from "../migrate.ts";
import { endProcess } from "../processes.ts";
import { type Machine, startMachine } from "./machine.ts";

const run = promisify(execFile);

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The integration tests' sweep of killed runs looks here too; a folder carries its owner's process id. */
const HOME = join(tmpdir(), "berth-test-postgres");
const STARTS_WITHIN_MS = 60_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One of the two programs, started and ended as often as a test likes. */
export interface Program {
  /** Resolves once it works. */
  start(): Promise<void>;
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Exit>;
  /** Stands still, as a virtual machine that is moved does; `on` goes on from there. */
  pause(): void;
  on(): void;
  /** Ends that no test asked for. */
  readonly crashes: readonly Exit[];
}

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

/** What most tests stand on: a stack with two machines of 8 GPUs, for all tests of the file that calls it. */
export function stackWithMachines(): { readonly stack: Stack; readonly machines: readonly Machine[] } {
  let stack: Stack | undefined;
  let machines: Machine[] = [];
  beforeAll(async () => {
    const opened = await openStack();
    stack = opened;
    machines = await Promise.all([1, 2].map((n) => startMachine(opened.url, `machine-${n}`, 8)));
  });
  afterAll(async () => {
    await Promise.all(machines.map((machine) => machine.stop()));
    await stack?.[Symbol.asyncDispose]();
  });
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
  const web = program("web", folder, env, () => answers(`${url}/ready`));
  const worker = program("worker", folder, env, async (log) => log.includes("the worker runs"));
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

function program(
  name: "web" | "worker",
  folder: string,
  env: NodeJS.ProcessEnv,
  works: (log: string) => Promise<boolean>,
): Program {
  const logFile = join(folder, `${name}.log`);
  const crashes: Exit[] = [];
  let running: { readonly child: ChildProcess; readonly ended: Promise<Exit> } | undefined;
  const lastWords = async () => (await readFile(logFile, "utf8").catch(() => "")).split("\n").slice(-15).join("\n");

  return {
    crashes,
    async start() {
      const log = createWriteStream(logFile, { flags: "a" });
      const child = spawn(process.execPath, ["--enable-source-maps", `dist/${name}.mjs`], {
        cwd: ROOT,
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.pipe(log, { end: false });
        stream.on("data", (chunk: Buffer) => {
          said = (said + chunk.toString()).slice(-10_000);
        });
      }
      const ended = new Promise<Exit>((resolve) =>
        child.once("exit", (code, signal) => {
          log.end();
          if (running?.child === child) crashes.push({ code, signal });
          resolve({ code, signal });
        }),
      );
      running = { child, ended };
      const deadlineMs = Date.now() + STARTS_WITHIN_MS;
      while (!(await works(said))) {
        if (child.exitCode !== null || Date.now() > deadlineMs)
          throw new Error(`the ${name} does not start:\n${await lastWords()}`);
        await new Promise((wake) => setTimeout(wake, 25));
      }
    },
    pause: () => void running?.child.kill("SIGSTOP"),
    on: () => void running?.child.kill("SIGCONT"),
    async end(signal) {
      const ending = running;
      if (!ending) return { code: null, signal: null };
      running = undefined;
      ending.child.kill(signal);
      return ending.ended;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  return response?.ok ?? false;
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid="]);
  return stdout.split("\n").flatMap((line) => {
    const [child, parent] = line.trim().split(/\s+/).map(Number);
    return child !== undefined && parent === pid ? [child] : [];
  });
}
