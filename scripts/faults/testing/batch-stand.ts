// A broker of so many webs and workers on a durable PostgreSQL, with agents of an owner each: real ones, and played ones
// that are the agent in all but what they run. Every one of them is a process that can be killed.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { drizzle } from "drizzle-orm/postgres-js";
import { build } from "esbuild";
import postgres from "postgres";
import { generatePrivateKey } from "viem/accounts";
import { readProviderId } from "../../../agent/identity.ts";
import { berthClient } from "../../../protocol/client.ts";
import type { Db } from "../../../server/deps.ts";
import { freePort, startPostgres } from "../../embedded-postgres.ts";
import { migrateDatabase } from "../../migrate.ts";
import { enrolmentToken } from "../../up/demo-providers.ts";
import { HOME } from "../home.ts";
import { answers, type Program, program } from "../program.ts";
import type { Role } from "./played-runtime.ts";
import type { PlayedWish } from "./played-wish.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** Beside the built programs, because it finds its packages from there. */
const PLAYED = "testing-played-agent";
/** Of the console's cookies. */
export const SESSION_SECRET = "a stand that is gone with its test";
const ON_THE_MARKET_WITHIN_MS = 60_000;

export interface AgentWish {
  readonly name: string;
  readonly cores: number;
  /** `real`: the built agent */
  readonly role: Role | "real";
  /** which of the webs it talks to */
  readonly web?: number;
  readonly eyes?: string;
  /** of a container engine, where a real one runs containers instead of plain processes */
  readonly socket?: string;
}

export interface FleetAgent {
  readonly name: string;
  readonly providerId: string;
  readonly program: Program;
}

export interface BatchStand extends AsyncDisposable {
  readonly urls: readonly string[];
  readonly webs: readonly Program[];
  readonly workers: readonly Program[];
  /** the test's own eye on the database */
  readonly db: Db;
  /** where logs lie until the end */
  readonly folder: string;
  /** Of a new owner; resolves once it is on the market. */
  agent(wish: AgentWish): Promise<FleetAgent>;
}

export async function openBatchStand({ webs: webCount, workers: workerCount }: { webs: number; workers: number }) {
  await mkdir(HOME, { recursive: true });
  const folder = await mkdtemp(join(HOME, `${process.pid}-`));
  await buildPlayedAgent();
  const server = { dataDir: join(folder, "data"), port: await freePort(), password: "test", durable: true };
  const database = await startPostgres(server);
  await migrateDatabase(database.url);
  const ports = await Promise.all(Array.from({ length: webCount }, freePort));
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const { PATH, HOME: home } = process.env;
  const bare: NodeJS.ProcessEnv = { PATH, HOME: home, NODE_ENV: "production" };
  const env = { ...bare, BERTH_DEMO: "1", DATABASE_URL: database.url, NEXTAUTH_SECRET: SESSION_SECRET };
  const webs = ports.map((port, n) => {
    const url = `http://127.0.0.1:${port}`;
    const own = { PORT: String(port), PUBLIC_URL: url, NEXTAUTH_URL: url };
    return program("web", join(folder, `web-${n}.log`), { ...env, ...own }, () => answers(`${url}/ready`));
  });
  const workers = Array.from({ length: workerCount }, (_, n) =>
    program("worker", join(folder, `worker-${n}.log`), env, async (log) => log.includes("the worker runs")),
  );
  const agents: Program[] = [];
  const client = postgres(database.url, { max: 4, onnotice: () => {} });

  async function agent({ name, cores, role, web = 0, eyes, socket }: AgentWish): Promise<FleetAgent> {
    const broker = urls[web] ?? "";
    const dataDir = join(folder, name);
    const token = await enrolmentToken(generatePrivateKey(), broker);
    const played = (wish: PlayedWish) => [JSON.stringify(wish)];
    const args =
      role === "real"
        ? realArguments({ name, cores, dataDir, broker, token }, socket === undefined ? "process" : "docker")
        : played({ name, cores, dataDir, broker, token, role, ...(eyes === undefined ? {} : { eyes }) });
    const file = join(folder, `${name}.log`);
    const serves = async (log: string) => log.includes('"serving"');
    const own = socket === undefined ? bare : { ...bare, DOCKER_HOST: `unix://${socket}` };
    const one = program(role === "real" ? "agent" : PLAYED, file, own, serves, args);
    agents.push(one);
    await one.start();
    const providerId = await readProviderId(dataDir);
    if (!providerId) throw new Error(`${name} serves without having enrolled`);
    await onTheMarket(broker, providerId);
    return { name, providerId, program: one };
  }

  const stand: BatchStand = {
    ...{ urls, webs, workers, db: drizzle(client), folder, agent },
    async [Symbol.asyncDispose]() {
      await Promise.all(agents.map((one) => one.end("SIGTERM")));
      await Promise.all([...webs, ...workers].map((one) => one.end("SIGTERM")));
      await client.end({ timeout: 5 });
      await database.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all([...webs, ...workers].map((one) => one.start()));
    return stand;
  } catch (error) {
    await stand[Symbol.asyncDispose]();
    throw error;
  }
}

type Place = Pick<PlayedWish, "name" | "cores" | "dataDir" | "broker" | "token">;

function realArguments({ name, cores, dataDir, broker, token }: Place, runtime: "process" | "docker"): string[] {
  return [
    ...["start", "--broker", broker, "--token", token, "--data-dir", dataDir, "--name", name, "--host", "127.0.0.1"],
    ...["--price-per-gpu-hour", "0.389000", "--price-per-cpu-hour", "0.010000", "--declare-cpus", String(cores)],
    ...["--declare-memory-gb", String(cores * 4), "--declare-disk-gb", String(cores * 10)],
    ...["--runtime", runtime, "--stop-executions-on-exit"],
  ];
}

async function onTheMarket(broker: string, id: string): Promise<void> {
  const client = berthClient({ baseUrl: broker });
  for (const deadlineMs = Date.now() + ON_THE_MARKET_WITHIN_MS; ; ) {
    const { status } = await client.getProvider({ params: { id } });
    if (status === "available") return;
    if (Date.now() > deadlineMs) throw new Error(`${id} does not come to the market, but is ${status}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

async function buildPlayedAgent(): Promise<void> {
  await build({
    ...{ absWorkingDir: ROOT, bundle: true, format: "esm", platform: "node", target: "node20", packages: "external" },
    ...{ entryPoints: ["scripts/faults/testing/played-agent.ts"], outfile: `dist/${PLAYED}.mjs`, logLevel: "silent" },
  });
}
