// What the tests of heartbeats share: a machine that reports just what is written down about it, and what is looked at.
import { eq } from "drizzle-orm";
import type { ExecutionSpec } from "../../../../domain/execution/spec.ts";
import type { ExecutionId, ProviderId } from "../../../../domain/ids.ts";
import { events } from "../../../../drizzle/schema/event.ts";
import { executions } from "../../../../drizzle/schema/job.ts";
import { offers, providers } from "../../../../drizzle/schema/provider.ts";
import { type Heartbeat, Heartbeat as HeartbeatShape } from "../../../../protocol/agent.ts";
import { putDesired } from "../../../repos/desired.ts";
import { type ProviderWorld, providerWorld } from "../../../testing/provider-world.ts";
import { beat } from "../beat.ts";

export type Machine = Heartbeat["machine"];

/** The very machine that `world.provider()` writes down: a beat of it changes nothing. */
export function machine(id: ProviderId, change: Partial<Machine> = {}): Machine {
  return {
    hostname: "machine",
    os: "Debian 12",
    architecture: "x86_64",
    cpu_model: "some cpu",
    cpu_cores: 32,
    memory_mb: 128 * 1024,
    disk_gb: 1000,
    gpus: [0, 1].map((index) => gpu(id, index)),
    runtime: "process",
    sandboxed: true,
    ...change,
  };
}

export function gpu(id: ProviderId, index: number) {
  return { index, model: "RTX 4090", uuid: `GPU-${id}-${index}`, vram_mb: 24_576, driver: "555.1", declared: true };
}

export function heartbeat(id: ProviderId, seq: number, change: Partial<Heartbeat> = {}): Heartbeat {
  const usage = { cpu_percent: 1, memory_used_mb: 1, gpus: [] };
  return HeartbeatShape.parse({
    ...{
      seq,
      agent_version: "0.1.0",
      instance: "0".repeat(32),
      machine: machine(id),
      usage,
      executions: [],
      generation: 0,
    },
    ...change,
  });
}

export const specOf = (id: ExecutionId, providerId: ProviderId): ExecutionSpec => ({
  ...{ id, providerId, jobId: "job_1", kind: "rental", image: "ubuntu", cpuCores: 1, memoryMb: 1024, diskGb: 1 },
  ...{
    gpuUuids: ["GPU-1"],
    env: { A: "1" },
    sshPublicKeys: ["key"],
    sshHostKey: "pem",
    command: null,
    registryLogin: null,
  },
  deadline: "2026-01-01T05:00:00.000Z",
});

export type BeatWorld = Awaited<ReturnType<typeof beatWorld>>;

/** A world of providers, with eyes for what beats do to it. */
export async function beatWorld() {
  const world: ProviderWorld = await providerWorld();
  return {
    ...world,
    say: (id: ProviderId, seq: number, change: Partial<Heartbeat> = {}, waitMs = 0) =>
      beat(world.deps, id, heartbeat(id, seq, change), { waitMs }),
    async row(id: ProviderId) {
      const [row] = await world.db.select().from(providers).where(eq(providers.id, id));
      if (!row) throw new Error("there is no such provider");
      return row;
    },
    /** about a provider or a job, in order */
    async told(subject: string) {
      return world.db.select().from(events).where(eq(events.subject, subject)).orderBy(events.id);
    },
    async codes(subject: string) {
      return (await this.told(subject)).map(({ code }) => code);
    },
    /** of its GPUs */
    async offer(id: ProviderId) {
      const rows = await world.db.select().from(offers).where(eq(offers.providerId, id));
      return rows.find(({ gpuModel }) => gpuModel !== "");
    },
    async due(id: ExecutionId) {
      const [row] = await world.db.select().from(executions).where(eq(executions.id, id));
      return row?.nextReconcileAt ?? null;
    },
    put(providerId: ProviderId, executionId: ExecutionId) {
      const sealedSpec = world.deps.secrets.seal(JSON.stringify(specOf(executionId, providerId)));
      return world.db.transaction((tx) => putDesired(tx, { executionId, providerId, sealedSpec }));
    },
  };
}
