// Consumers of the streams killed with SIGKILL at random: nothing is lost, and each message counts once.
import { type ChildProcess, spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { eq, sql } from "drizzle-orm";
import { build } from "esbuild";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { walletPrincipal } from "../domain/account/principal.ts";
import { providers } from "../drizzle/schema/provider.ts";
import { HEARTBEAT_STREAM, PARKED_STREAM, REGISTRATION_STREAM } from "../protocol/streams.ts";
import { type TestRedis, testRedis } from "../server/testing/redis.ts";
import { address, openWorld, type World } from "../server/testing/world.ts";
import { createEnrolmentToken } from "../server/usecases/provider/create-enrolment-token.ts";
import { add, type Machine, newMachine, responsesOf } from "./testing/machines.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OWNER = address(501);
const WORKERS = 3;
const LIVES_MS = 1_500;
const LEAST_KILLS = 12;
/** Each worker starts anew for its kill: seconds, where the machine is busy. */
const WAIT = { timeout: 250_000, interval: 100 };

interface Workers {
  killed(): number;
  /** Kills no more. */
  spare(): void;
  stop(): Promise<void>;
}

let world: World;
let server: TestRedis;
let redis: Redis;
let child: string;
let workers: Workers;

beforeAll(async () => {
  [child, world, server] = await Promise.all([bundled(), openWorld(), testRedis()]);
  redis = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  redis.on("error", () => {}); // a test restarts the server
  await world.customer(501);
});
afterEach(async () => {
  await workers.stop();
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
  await world?.[Symbol.asyncDispose]();
  await rm(child, { force: true });
});

test("10 000 heartbeats of 200 machines, their workers killed at random and Redis restarted: none is lost, each counts once", async () => {
  const machines: Machine[] = [];
  for (let n = 0; n < 200; n++) machines.push(await joined(`beater-${n}`));
  workers = startWorkers();
  for (let seq = 2; seq <= 51; seq++) {
    const pipeline = redis.pipeline();
    for (const machine of shuffled(machines))
      pipeline.call("XADD", HEARTBEAT_STREAM, "*", ...Object.entries(machine.heartbeat(seq)).flat());
    const replies = await pipeline.exec();
    expect(replies?.filter(([error]) => error)).toEqual([]);
    await pause(150);
    if (seq === 25) {
      await server.halt("kept");
      await pause(300);
      await server.resume();
    }
  }
  await consumed(HEARTBEAT_STREAM);
  process.stdout.write(`killed ${workers.killed()} workers while 10 000 heartbeats came\n`);
  const rows = await world.db.execute(sql`
    select pp.seq::int as seq, count(*)::int as machines from provider_presence pp
    join providers p on p.id = pp.provider_id where p.external_id like 'beater-%' group by pp.seq`);
  expect([...rows]).toEqual([{ seq: 51, machines: 200 }]);
  expect(await redis.xlen(PARKED_STREAM)).toBe(0);
}, 900_000);

test("300 registrations under the same kills: each machine once, each token used once, each answered once", async () => {
  const machines = Array.from({ length: 300 }, (_, n) => newMachine(`joiner-${n}`));
  const clock = { now: () => new Date() };
  const tokens = await Promise.all(
    machines.map(() => createEnrolmentToken({ ...world.deps, clock }, walletPrincipal(OWNER))),
  );
  workers = startWorkers();
  for (const [n, machine] of machines.entries()) {
    await add(redis, REGISTRATION_STREAM, machine.registration(OWNER, tokens[n]?.token ?? "", 1));
    await pause(25);
  }
  await consumed(REGISTRATION_STREAM);
  process.stdout.write(`killed ${workers.killed()} workers while 300 machines registered\n`);
  const [counts] = await world.db.execute(sql`select
    (select count(*)::int from providers where external_id like 'joiner-%') as machines,
    (select count(*)::int from enrolment_tokens where used_at is not null) as used,
    (select count(*)::int from events where code = 'provider-enrolled') as enrolments,
    (select count(*)::int from provider_nodes) as nodes`);
  expect(counts).toEqual({ machines: 300, used: 300, enrolments: 300, nodes: 300 });
  expect(await redis.xlen(PARKED_STREAM)).toBe(0);
  for (const { name } of machines) expect(await responsesOf(redis, name)).toMatchObject([{ success: true }]);
}, 900_000);

/** A node that is enrolled and known by its own name. */
async function joined(name: string): Promise<Machine> {
  const machine = newMachine(name);
  const id = await world.provider({ owner: OWNER, name, gpus: 1 });
  const { publicKey } = machine;
  await world.db
    .update(providers)
    .set({ externalId: name, publicKey, runtime: "kubernetes" })
    .where(eq(providers.id, id));
  return machine;
}

/** Enough were killed; then nothing is unread, nothing pending, and all of it is trimmed. */
async function consumed(stream: string): Promise<void> {
  await vi.waitFor(() => expect(workers.killed()).toBeGreaterThanOrEqual(LEAST_KILLS), WAIT);
  workers.spare();
  await vi.waitFor(async () => expect(await redis.xlen(stream)).toBe(0), WAIT);
  const [pending] = await redis.xpending(stream, "berth");
  expect(pending).toBe(0);
}

/** Some workers. Each lives for a moment after it began to work, and is replaced, until they are told to go on. */
function startWorkers(): Workers {
  let killing = true;
  let killed = 0;
  const running = new Set<ChildProcess>();
  function start(): void {
    const args = [child, world.url, server.url];
    const worker = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    running.add(worker);
    worker.stdout.once("data", async () => {
      await pause(Math.random() * LIVES_MS);
      if (!killing) return;
      killed += 1;
      running.delete(worker);
      await end(worker);
      if (killing) start();
    });
  }
  for (let n = 0; n < WORKERS; n++) start();
  return {
    killed: () => killed,
    spare() {
      killing = false;
      if (running.size === 0) start();
    },
    async stop() {
      killing = false;
      await Promise.all([...running].map(end));
    },
  };
}

function end(worker: ChildProcess | undefined): Promise<void> {
  return new Promise((done) => {
    if (!worker || worker.exitCode !== null || worker.signalCode !== null) return done();
    worker.once("exit", () => done());
    worker.kill("SIGKILL");
  });
}

/** One file, so that a worker starts quickly. */
async function bundled(): Promise<string> {
  const outfile = `${ROOT}node_modules/.cache/berth/stream-child-${process.pid}.cjs`;
  await build({
    entryPoints: [`${ROOT}worker/testing/stream-child.ts`],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    logLevel: "error",
  });
  return outfile;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

function pause(ms: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, ms));
}
