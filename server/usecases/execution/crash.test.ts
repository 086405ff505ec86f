// A worker killed with SIGKILL before each statement of a rental's life: whatever is left, the next one converges.
import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import { build } from "esbuild";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ExecutionId, ProviderId } from "../../../domain/ids.ts";
import type { Heartbeat } from "../../../protocol/agent.ts";
import { agentCluster } from "../../adapters/cluster/agent/agent-cluster.ts";
import type { Db, Deps } from "../../deps.ts";
import { agentStore } from "../../repos/agent-store.ts";
import { loadExecution } from "../../repos/executions.ts";
import { expectSound } from "../../testing/sound.ts";
import { GPU_MODEL, openWorld, type World } from "../../testing/world.ts";
import { getJob } from "../job/get-job.ts";
import { rentGpu } from "../job/rent-gpu.ts";
import { stopJob } from "../job/stop-job.ts";
import { beat } from "../provider/beat.ts";
import { reconcileExecution } from "./reconcile-execution.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** More than a rental ever takes: reaching it means that the end was never reached. */
const MOST_STATEMENTS = 120;

let world: World;
let deps: Deps;
let provider: ProviderId;
const machine = new Map<string, "ready">();
let stopAgent: () => Promise<void>;
let child: string;

beforeAll(async () => {
  child = await bundled();
  world = await openWorld();
  const clock = { now: () => new Date() };
  const db: Db = world.db;
  deps = { ...world.deps, clock, cluster: agentCluster(agentStore(db, world.deps.secrets)) };
  provider = await world.provider({ gpus: 2 });
  stopAgent = honestAgent(world.url);
});
afterAll(async () => {
  await stopAgent();
  await rm(child);
  await world[Symbol.asyncDispose]();
});

test("killed before any statement of its way to running or to its end, a rental converges and leaves nothing behind", async () => {
  const customer = await world.customer(1, 10_000_000_000n);
  const killed = { running: 0, settled: 0 };
  for (let statement = 1; ; statement++) {
    expect(statement).toBeLessThan(MOST_STATEMENTS);
    const size = { providerId: provider, gpuModel: GPU_MODEL, gpuCount: 1, cpuCores: 1, memoryGb: 1, diskGb: 1 };
    const rest = {
      name: "crash",
      hours: 1,
      maxRate: null,
      image: "ubuntu:24.04",
      template: null,
      minVramMb: 0,
      command: null,
      httpPort: null,
      env: {},
      sshPublicKeys: ["ssh-ed25519 AAAA"],
    };
    const rented = await rentGpu(deps, customer, { ...size, ...rest }, { key: null, request: null });
    const started = await crashingWorker(rented.executionId, statement, "running");
    await driveTo(rented.executionId, "running");
    await stopJob(deps, customer, rented.jobId);
    const ended = await crashingWorker(rented.executionId, statement, "settled");
    await driveTo(rented.executionId, "settled");

    expect(await getJob(deps, customer, rented.jobId)).toMatchObject({ status: "stopped", held: "0.000000" });
    expect(await expectSound(world.db)).toEqual([]);
    const [left] = await world.db.execute(sql`select
      (select count(*) from gpus where execution_id is not null)::int as gpus,
      (select count(*) from desired_executions)::int as desired,
      (select sum(held_cash + held_promotion) from accounts)::text as held`);
    expect(left).toEqual({ gpus: 0, desired: 0, held: "0" });
    await until("the machine is empty", async () => machine.size === 0);
    if (started === "killed") killed.running += 1;
    if (ended === "killed") killed.settled += 1;
    if (started === "arrived" && ended === "arrived") break;
  }
  process.stdout.write(
    `killed ${killed.running} times on the way to running, ${killed.settled} on the way to the end\n`,
  );
  expect(killed.running).toBeGreaterThan(8);
  expect(killed.settled).toBeGreaterThan(8);
}, 600_000);

/** One file, so that fifty workers start quickly. */
async function bundled(): Promise<string> {
  const outfile = `${ROOT}node_modules/.cache/berth/crash-child-${process.pid}.mjs`;
  await build({
    entryPoints: [`${ROOT}server/testing/crash-child.ts`],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    logLevel: "error",
  });
  return outfile;
}

/** Runs a worker that dies before its Nth statement. */
function crashingWorker(id: ExecutionId, statement: number, target: string): Promise<"killed" | "arrived"> {
  return new Promise((resolve, reject) => {
    const args = [child, world.url, id, String(statement), target];
    const worker = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    worker.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    worker.on("exit", (code, signal) => {
      if (signal === "SIGKILL") resolve("killed");
      else if (code === 0) resolve("arrived");
      else reject(new Error(`the worker failed at statement ${statement}: ${stderr}`));
    });
  });
}

/** The worker that comes after. */
async function driveTo(id: ExecutionId, target: "running" | "settled"): Promise<void> {
  await until(`${id} is ${target}`, async () => {
    const row = await loadExecution(world.db, id);
    if (target === "settled" ? row?.execution.settled : row?.execution.status === "running") return true;
    await reconcileExecution(deps, id);
    return false;
  });
}

/** Runs whatever is wanted and says so, as fast as it can; a connection of its own. */
function honestAgent(url: string): () => Promise<void> {
  const client = postgres(url, { max: 4, onnotice: () => {} });
  const own: Deps = { ...deps, db: drizzle(client) };
  let stopping = false;
  let seq = 1;
  let generation = 0;
  const life = (async () => {
    while (!stopping) {
      seq += 1;
      const answer = await beat(own, provider, report(seq, generation), {
        waitMs: 0,
        signal: new AbortController().signal,
      });
      generation = answer.generation;
      machine.clear();
      for (const { id } of answer.executions) machine.set(id, "ready");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  return async () => {
    stopping = true;
    await life;
    await client.end();
  };
}

function report(seq: number, generation: number): Heartbeat {
  const executions = [...machine.keys()].map((id) => ({ id, state: "ready" as const, port: 30_100, user: "root" }));
  const gpu = (index: number) => ({ index, model: GPU_MODEL, uuid: `GPU-1-${index}`, vram_mb: 24_576, declared: true });
  return {
    seq,
    agent_version: "test",
    instance: "0".repeat(32),
    machine: {
      hostname: "machine-1",
      os: "Debian 12",
      architecture: "x64",
      cpu_model: "test",
      cpu_cores: 128,
      memory_mb: 512 * 1024,
      disk_gb: 4_000,
      gpus: [gpu(0), gpu(1)],
      runtime: "process",
      sandboxed: true,
    },
    usage: { cpu_percent: 1, memory_used_mb: 1, gpus: [] },
    executions,
    generation,
  };
}

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + 60_000;
  while (!(await done())) {
    if (Date.now() > deadlineMs) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
