// Brings Berth up on one machine, step by step, and takes it down in the order that loses nothing.
import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { privateKeyToAddress } from "viem/accounts";
import { z } from "zod";
import { DEMO_ANONYMOUS_ACCOUNT, DEMO_WALLET_KEY } from "../../domain/demo.ts";
import { type buildChanged, reasonOf } from "../build.ts";
import {
  awaitPostgres,
  freePort,
  isFree,
  type PostgresCommand,
  preparePostgres,
  recoverPostgres,
  serverEnv,
} from "../embedded-postgres.ts";
import { migrateDatabase } from "../migrate.ts";
import { agentArguments, DEMO_PROVIDERS } from "./demo-providers.ts";
import { lockDataDir } from "./lock.ts";
import type { UpOptions } from "./options.ts";
import { openSecrets, type Secrets } from "./secrets.ts";
import { endLeftovers, type Household, rotateLogs, type Supervised, supervise } from "./supervisor.ts";

const READY_WITHIN_MS = 120_000;
const PROVIDERS_WITHIN_MS = 60_000;
const ROTATE_EVERY_MS = 60_000;
/** Agents end their executions and the web hears their last beat; the ledger's writers follow, the ledger comes last. */
const ORDER_OF_LEAVING = ["agent-", "worker", "web", "postgres"];

/** Thrown for what a person can mend: the message is all there is to say. */
export class UpError extends Error {}

export interface Berth {
  readonly url: string;
  /** Ends every child, agents first, PostgreSQL last. */
  stop(): Promise<void>;
}

export interface UpDeps {
  /** The repository: children run here. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** Builds what changed into the repository's dist/. */
  readonly build: typeof buildChanged;
  /** Progress and mishaps, a sentence each. */
  readonly tell: (sentence: string) => void;
  /** Of the container engine that the demo's agents use, unix:///…; without it they run plain processes. */
  readonly dockerHost?: string;
  /** Fired when a person wants to leave, perhaps before Berth is up. */
  readonly leaving: AbortSignal;
  /** Fired when that took too long: every child is killed at once. */
  readonly forced: AbortSignal;
}

/** Starts everything and resolves when `/ready` answers and the demo's providers are on the market. */
export async function up(options: UpOptions, deps: UpDeps): Promise<Berth> {
  const dataDir = resolve(deps.root, options.dataDir);
  if (options.reset) await refuseForeignFolder(dataDir);
  // Others may pass, not look: root's PostgreSQL runs as an account of its own below this folder.
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const lock = await lockDataDir(dataDir);
  const children: Supervised[] = [];
  const household: Household = {
    logDir: join(dataDir, "logs"),
    runDir: join(dataDir, "run"),
    report: deps.tell,
    random: () => randomInt(1 << 30) / (1 << 30),
    firstPauseMs: 500,
    longestPauseMs: 30_000,
  };
  const rotation = setInterval(() => void rotateLogs(household.logDir).catch(() => {}), ROTATE_EVERY_MS);
  const stop = async () => {
    clearInterval(rotation);
    for (const prefix of ORDER_OF_LEAVING) {
      await Promise.all(children.filter(({ name }) => name.startsWith(prefix)).map((child) => child.stop()));
    }
    await lock.release();
  };
  deps.forced.addEventListener("abort", () => {
    for (const child of children) child.kill();
  });
  try {
    const leftovers = await endLeftovers(household.runDir, ORDER_OF_LEAVING);
    if (leftovers.length > 0) deps.tell(`Ended what an earlier run left: ${leftovers.join(", ")}`);
    if (options.reset) await forget(dataDir);
    const url = await start(dataDir, options, deps, household, children);
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  dataDir: string,
  options: UpOptions,
  deps: UpDeps,
  household: Household,
  children: Supervised[],
): Promise<string> {
  const keep = (spec: Parameters<typeof supervise>[0]) => {
    deps.leaving.throwIfAborted();
    children.push(supervise(spec, household));
  };
  const port = await choosePort(options, deps.tell);
  const url = `http://127.0.0.1:${port}`;
  await buildOrRefuse(deps);

  const secrets = await openSecrets(dataDir);
  const postgres = await prepareDatabase(dataDir, secrets);
  deps.tell("Starting PostgreSQL");
  keep({ ...postgres, name: "postgres", env: serverEnv(), stopSignal: "SIGINT", stopGraceMs: 20_000 });
  await awaitPostgres(postgres.url, 60_000, deps.leaving);
  await migrateDatabase(postgres.url);

  deps.tell("Starting the web and the worker");
  const env = await controlPlaneEnv(options, deps.env, secrets, { databaseUrl: postgres.url, port, url });
  const node = { command: process.execPath, cwd: deps.root };
  const flags = ["--enable-source-maps"];
  keep({ ...node, name: "web", args: [...flags, "dist/web.mjs"], env, stopGraceMs: 20_000 });
  keep({ ...node, name: "worker", args: [...flags, "dist/worker.mjs"], env, stopGraceMs: 20_000 });
  await awaitReady(url, household.logDir, deps.leaving);

  if (options.demo) {
    deps.tell("Starting the demo's five providers");
    for (const provider of DEMO_PROVIDERS) {
      const { dockerHost } = deps;
      const runtime = dockerHost === undefined ? "process" : "docker";
      const args = [...flags, "dist/agent.mjs", ...(await agentArguments(provider, dataDir, url, runtime))];
      const env = { ...agentEnv(deps.env), ...(dockerHost === undefined ? {} : { DOCKER_HOST: dockerHost }) };
      keep({ ...node, name: `agent-${provider.name}`, args, env, stopGraceMs: 20_000 });
    }
    await awaitProviders(url, deps);
  }
  return url;
}

async function buildOrRefuse(deps: UpDeps): Promise<void> {
  const report = await deps.build(deps.tell, deps.leaving);
  const [failed] = report.failed;
  if (failed) throw new UpError(`${failed.name} does not build: ${reasonOf(failed.cause)}`);
}

async function prepareDatabase(
  dataDir: string,
  secrets: Secrets,
): Promise<PostgresCommand & { beforeStart(): Promise<void> }> {
  const home = join(dataDir, "postgres");
  const command = await preparePostgres({ dataDir: home, password: secrets.postgresPassword, durable: true });
  return { ...command, beforeStart: () => recoverPostgres(home) };
}

/**
 * What web and worker read; the parent's own settings (fees, operators, proxies, Redis, Kubernetes) pass through. A line
 * left empty in .env names nothing; of METRICS_PORT it says that there are none.
 */
async function controlPlaneEnv(
  options: UpOptions,
  env: NodeJS.ProcessEnv,
  secrets: Secrets,
  { databaseUrl, port, url }: { databaseUrl: string; port: number; url: string },
): Promise<NodeJS.ProcessEnv> {
  const publicUrl = options.demo ? url : env.PUBLIC_URL || url;
  return {
    ...env,
    NODE_ENV: "production",
    DATABASE_URL: databaseUrl,
    PORT: String(port),
    HOST: options.demo ? "127.0.0.1" : env.HOST || "127.0.0.1",
    METRICS_PORT: env.METRICS_PORT ?? String(await freePort()),
    PUBLIC_URL: publicUrl,
    NEXTAUTH_URL: publicUrl,
    NEXTAUTH_SECRET: secrets.nextAuthSecret,
    BERTH_SECRET_KEY: secrets.berthSecretKey,
    BERTH_DEMO: options.demo ? "1" : "0",
    // The wallet that everybody has may operate a demo, and nothing else.
    OPERATOR_ADDRESSES: env.OPERATOR_ADDRESSES || (options.demo ? privateKeyToAddress(DEMO_WALLET_KEY) : undefined),
    ANONYMOUS_ACCOUNT: options.demo ? env.ANONYMOUS_ACCOUNT || DEMO_ANONYMOUS_ACCOUNT : env.ANONYMOUS_ACCOUNT,
  };
}

/** An agent is a stranger's machine: it gets nothing of the control plane's environment. */
function agentEnv({ PATH, HOME, LANG, TZ }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const given = Object.entries({ PATH, HOME, LANG, TZ }).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), NODE_ENV: "production" };
}

async function choosePort({ port }: UpOptions, tell: UpDeps["tell"]): Promise<number> {
  if (port) {
    if (await isFree(port.number)) return port.number;
    throw new UpError(`Port ${port.number} (${port.from}) is taken by another program. Name another one with --port.`);
  }
  if (await isFree(8080)) return 8080;
  const free = await freePort();
  tell(`Port 8080 is taken; using ${free} instead`);
  return free;
}

async function awaitReady(url: string, logDir: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    signal.throwIfAborted();
    const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (response?.ok) return;
    await sleep(200);
  }
  throw new UpError(`The web is not ready after ${READY_WITHIN_MS / 1000} s. Its log: ${join(logDir, "web.log")}`);
}

const Providers = z.object({ count: z.number(), providers: z.array(z.object({ sandboxed: z.boolean() })) });

const NO_SANDBOX =
  "There is no sandbox on this machine: bubblewrap is missing or does not work. Executions run as plain processes with " +
  "your rights, and only for accounts that logged in. To get it: `apt install bubblewrap` (Debian, Ubuntu), " +
  "`dnf install bubblewrap` (Fedora); then start again.";

async function awaitProviders(url: string, { tell, leaving }: UpDeps): Promise<void> {
  const deadline = Date.now() + PROVIDERS_WITHIN_MS;
  let there = 0;
  while (Date.now() < deadline) {
    leaving.throwIfAborted();
    const [available, pending] = [await providersOf(url, "available"), await providersOf(url, "pending")];
    there = available.count + pending.count;
    if (there < DEMO_PROVIDERS.length) {
      await sleep(250);
      continue;
    }
    if (pending.count > 0)
      tell(
        `${pending.count} of the demo's providers wait for approval: log in with the demo wallet and approve them at ` +
          `${url}/operator/providers`,
      );
    if ([...available.providers, ...pending.providers].some(({ sandboxed }) => !sandboxed)) tell(NO_SANDBOX);
    return;
  }
  tell(`Only ${there} of ${DEMO_PROVIDERS.length} demo providers are available so far; the others go on trying`);
}

async function providersOf(url: string, status: "available" | "pending"): Promise<z.infer<typeof Providers>> {
  const response = await fetch(`${url}/api/v1/providers?status=${status}`, { signal: AbortSignal.timeout(5_000) });
  return Providers.parse(await response.json());
}

const OURS = ["agents", "lock", "logs", "postgres", "postgres.unfinished", "run", "secrets.json", "wallets"];

/** `--reset --data-dir ~` must not empty a home. */
async function refuseForeignFolder(dataDir: string): Promise<void> {
  const names = existsSync(dataDir) ? await readdir(dataDir) : [];
  const foreign = names.filter((name) => !OURS.includes(name));
  if (foreign.length > 0) {
    throw new UpError(`${dataDir} holds what is not Berth's (${foreign[0]}), so --reset leaves it alone.`);
  }
}

async function forget(dataDir: string): Promise<void> {
  await recoverPostgres(join(dataDir, "postgres"));
  for (const name of OURS.filter((name) => name !== "lock")) {
    await rm(join(dataDir, name), { recursive: true, force: true });
  }
}
