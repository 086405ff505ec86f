// A worker killed with SIGKILL before each statement of a rental's life: whatever is left, the next one converges.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ExecutionId, ProviderId } from "../../../domain/ids.ts";
import type { Heartbeat } from "../../../protocol/agent.ts";
import { agentCluster } from "../../adapters/cluster/agent/agent-cluster.ts";
import type { Db, Deps } from "../../deps.ts";
import { agentStore } from "../../repos/agent-store.ts";
import { loadExecution } from "../../repos/executions.ts";
import { expectSound, GPU_MODEL, openWorld, type World } from "../../testing/world.ts";
import { getJob } from "../job/get-job.ts";
import { rentGpu } from "../job/rent-gpu.ts";
import { stopJob } from "../job/stop-job.ts";
import { beat } from "../provider/beat.ts";
import { reconcileExecution } from "./reconcile-execution.ts";

const CHILD = fileURLToPath(new URL("../../testing/crash-child.ts", import.meta.url));
/** More than a rental ever takes: reaching it means that the end was never reached. */
const MOST_STATEMENTS = 120;

let world: World;
let deps: Deps;
let provider: ProviderId;
const machine = new Map<string, "ready">();
let stopAgent: () => Promise<void>;

beforeAll(async () => {
  world = await openWorld();
  const clock = { now: () => new Date() };
  const db: Db = world.db;
  deps = { ...world.deps, clock, cluster: agentCluster(agentStore(db, world.deps.secrets)) };
  provider = await world.provider({ gpus: 2 });
  stopAgent = honestAgent(world.url);
});
afterAll(async () => {
  await stopAgent();
  await world[Symbol.asyncDispose]();
});

test.each(["running", "settled"] as const)(
  "killed at any statement on the way to %s, a rental converges and leaves nothing behind",
  async (target) => {
    const customer = await world.customer(target === "running" ? 1 : 2, 10_000_000_000n);
    let killed = 0;
    for (let statement = 1; ; statement++) {
      expect(statement).toBeLessThan(MOST_STATEMENTS);
      const wish = {
        name: "crash",
        providerId: provider,
        gpuModel: GPU_MODEL,
        gpuCount: 1,
        cpuCores: 1,
        memoryGb: 1,
        diskGb: 1,
      };
      const rented = await rentGpu(
        deps,
        customer,
        { ...wish, hours: 1, maxRate: null, image: "ubuntu:24.04", env: {}, sshPublicKeys: ["ssh-ed25519 AAAA"] },
        { key: null, request: null },
      );
      if (target === "settled") {
        await driveTo(rented.executionId, "running");
        await stopJob(deps, customer, rented.jobId);
      }
      const outcome = await crashingWorker(rented.executionId, statement, target);
      if (target === "running") {
        await driveTo(rented.executionId, "running");
        await stopJob(deps, customer, rented.jobId);
      }
      await driveTo(rented.executionId, "settled");

      expect(await getJob(deps, customer, rented.jobId)).toMatchObject({ status: "stopped", held: "0.000000" });
      expect(await expectSound(world.db)).toEqual([]);
      const [left] = await world.db.execute(sql`select
        (select count(*) from gpus where execution_id is not null)::int as gpus,
        (select count(*) from desired_executions)::int as desired,
        (select sum(held_cash + held_promotion) from accounts)::text as held`);
      expect(left).toEqual({ gpus: 0, desired: 0, held: "0" });
      await until("the machine is empty", async () => machine.size === 0);
      if (outcome === "arrived") break;
      killed += 1;
    }
    expect(killed).toBeGreaterThan(8);
  },
  180_000,
);

/** Runs a worker that dies before its Nth statement. */
function crashingWorker(id: ExecutionId, statement: number, target: string): Promise<"killed" | "arrived"> {
  return new Promise((resolve, reject) => {
    const args = ["--import", "tsx", CHILD, world.url, id, String(statement), target];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on("exit", (code, signal) => {
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
  const deadlineMs = Date.now() + 20_000;
  while (!(await done())) {
    if (Date.now() > deadlineMs) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
