import { eq, ne, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ExecutionSpec } from "../../../domain/execution/spec.ts";
import type { ExecutionId, ProviderId } from "../../../domain/ids.ts";
import { events } from "../../../drizzle/schema/event.ts";
import { executions } from "../../../drizzle/schema/job.ts";
import { desiredExecutions, gpus, offers, providerPresence, providers } from "../../../drizzle/schema/provider.ts";
import { type Heartbeat, HeartbeatAnswer, Heartbeat as HeartbeatShape } from "../../../protocol/agent.ts";
import { dropDesired, putDesired } from "../../repos/desired.ts";
import { lockProviderRow } from "../../repos/providers.ts";
import { type ProviderWorld, providerWorld } from "../../testing/provider-world.ts";
import { beat } from "./beat.ts";
import { takeBeat } from "./presence-batch.ts";

let world: ProviderWorld;
beforeAll(async () => {
  world = await providerWorld();
});
afterAll(() => world.close());
beforeEach(() => world.empty());

type Machine = Heartbeat["machine"];

/** The very machine that `world.provider()` writes down: a beat of it changes nothing. */
function machine(id: ProviderId, change: Partial<Machine> = {}): Machine {
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

function gpu(id: ProviderId, index: number) {
  return { index, model: "RTX 4090", uuid: `GPU-${id}-${index}`, vram_mb: 24_576, driver: "555.1", declared: true };
}

function heartbeat(id: ProviderId, seq: number, change: Partial<Heartbeat> = {}): Heartbeat {
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

const say = (id: ProviderId, seq: number, change: Partial<Heartbeat> = {}, waitMs = 0) =>
  beat(world.deps, id, heartbeat(id, seq, change), { waitMs });

async function provider(id: ProviderId) {
  const [row] = await world.db.select().from(providers).where(eq(providers.id, id));
  return row!;
}
async function codes(subject: string) {
  const rows = await world.db.select().from(events).where(eq(events.subject, subject)).orderBy(events.id);
  return rows.map(({ code }) => code);
}
async function offer(id: ProviderId) {
  const rows = await world.db.select().from(offers).where(eq(offers.providerId, id));
  return rows.find(({ gpuModel }) => gpuModel !== "");
}
async function due(id: ExecutionId) {
  const [row] = await world.db.select().from(executions).where(eq(executions.id, id));
  return row?.nextReconcileAt ?? null;
}
const specOf = (id: ExecutionId, providerId: ProviderId): ExecutionSpec => ({
  ...{ id, providerId, jobId: "job_1", kind: "rental", image: "ubuntu", cpuCores: 1, memoryMb: 1024, diskGb: 1 },
  ...{ gpuUuids: ["GPU-1"], env: { A: "1" }, sshPublicKeys: ["key"], sshHostKey: "pem" },
  deadline: "2026-01-01T05:00:00.000Z",
});

const put = (providerId: ProviderId, executionId: ExecutionId) => {
  const sealedSpec = world.deps.secrets.seal(JSON.stringify(specOf(executionId, providerId)));
  return world.db.transaction((tx) => putDesired(tx, { executionId, providerId, sealedSpec }));
};

describe("taking a sign of life", () => {
  test("a thousand beats at once are a few statements, and each is taken", async () => {
    const like = await world.provider({ models: [] });
    await world.db.execute(sql`insert into providers select copy.* from providers p, generate_series(1, 1000) n,
      jsonb_populate_record(p, jsonb_build_object('id', 'prov_' || lpad(n::text, 26, '0'), 'name', n, 'public_key', n)) copy`);
    const fleet = await world.db.select({ id: providers.id }).from(providers).where(ne(providers.id, like));
    const before = world.statements();
    const lastSeenAt = world.deps.clock.now();
    const taken = fleet.map(({ id: providerId }) =>
      takeBeat(world.deps, {
        providerId,
        seq: 1,
        lastSeenAt,
        report: [],
        usage: {},
        reportedGeneration: 0,
        instance: "",
      }),
    );
    expect(await Promise.all(taken)).toHaveLength(1000);
    expect(world.statements() - before).toBeLessThanOrEqual(16);
    expect(await world.db.select().from(providerPresence)).toHaveLength(1000);
  });

  test("a beat with an old number, or the same again, is refused and changes nothing", async () => {
    const id = await world.provider();
    await say(id, 5);
    const before = await world.db.select().from(providerPresence);
    world.pass(1000);
    const other = { generation: 7, machine: machine(id, { cpu_cores: 1 }) };
    await expect(say(id, 4, other)).rejects.toMatchObject({ code: "stale-sequence" });
    await expect(say(id, 5, other)).rejects.toMatchObject({ code: "stale-sequence" });
    expect(await world.db.select().from(providerPresence)).toEqual(before);
    expect((await provider(id)).cpuCores).toBe(32);
  });

  test("of two beats in one batch the newer is taken, and the older is told so", async () => {
    const id = await world.provider();
    await say(id, 1);
    const [newer, older] = await Promise.allSettled([say(id, 3), say(id, 2)]);
    expect(newer.status).toBe("fulfilled");
    expect(older).toMatchObject({ reason: { code: "stale-sequence" } });
  });

  test("a beat of nobody is not found, and the others of its batch are taken", async () => {
    const id = await world.provider();
    await say(id, 1);
    const nobody: ProviderId = "prov_00000000000000000000000000";
    const [theirs, ours] = await Promise.allSettled([say(nobody, 1), say(id, 2)]);
    expect(theirs).toMatchObject({ reason: { code: "not-found" } });
    expect(ours.status).toBe("fulfilled");
  });

  test("an ordinary beat does not wait for a rent that locks the provider's row", async () => {
    const id = await world.provider();
    await say(id, 1);
    await world.db.transaction(async (tx) => {
      await tx.select().from(providers).where(eq(providers.id, id)).for("update");
      await say(id, 2);
    });
    const [row] = await world.db.select().from(providerPresence);
    expect(row?.seq).toBe(2);
  });
});

describe("presence", () => {
  test("the first report brings a provider online and its offers with it, once", async () => {
    const id = await world.provider({ presence: "unseen" });
    expect(await offer(id)).toMatchObject({ available: false });
    await say(id, 1);
    await say(id, 2);
    expect(await provider(id)).toMatchObject({ presence: "online", offlineSince: null });
    expect(await offer(id)).toMatchObject({ available: true });
    expect(await codes(id)).toEqual(["provider-online"]);
  });

  test("a provider that returns with an execution the broker has ended is joined, not available, until it is clean", async () => {
    const id = await world.provider({ presence: "offline" });
    const ghost = await world.execution({ providerId: id, status: "lost" });
    const still = [{ id: ghost, state: "starting" as const }];
    await say(id, 1, { executions: still });
    expect(await provider(id)).toMatchObject({ presence: "joined" });
    await say(id, 2, { executions: still });
    expect(await offer(id)).toMatchObject({ available: false });
    await say(id, 3);
    expect(await provider(id)).toMatchObject({ presence: "online" });
    expect(await codes(id)).toEqual(["provider-joined", "provider-online"]);
  });

  test("an execution of another provider, or one nobody knows, is a ghost too", async () => {
    const id = await world.provider({ presence: "offline" });
    const theirs = await world.execution({ providerId: await world.provider() });
    await say(id, 1, { executions: [{ id: theirs, state: "starting" }] });
    expect(await provider(id)).toMatchObject({ presence: "joined" });
    await say(id, 2, { executions: [{ id: "exec_00000000000000000000000000", state: "starting" }] });
    expect(await provider(id)).toMatchObject({ presence: "joined" });
  });

  test("a return makes all that lives there due and rings it", async () => {
    const id = await world.provider({ presence: "offline" });
    const live = await world.execution({ providerId: id, status: "unreachable" });
    await say(id, 1, { executions: [{ id: live, state: "starting" }] });
    expect(await provider(id)).toMatchObject({ presence: "online" });
    expect(await due(live)).toEqual(world.deps.clock.now());
    expect(world.rings).toContain(live);
  });
});

describe("news of executions", () => {
  test("a changed report makes its live executions due and rings them; the same again does not", async () => {
    const id = await world.provider();
    const [one, ended] = [
      await world.execution({ providerId: id }),
      await world.execution({ providerId: id, status: "stopped" }),
    ];
    await say(id, 1, { executions: [{ id: ended, state: "starting" }] });
    world.rings.length = 0;
    const ready = { id: one, state: "ready" as const, port: 30_022, user: "root" };
    await say(id, 2, { executions: [ready] });
    expect(world.rings).toEqual([one]);
    expect(await due(one)).toEqual(world.deps.clock.now());
    await say(id, 3, { executions: [ready] });
    expect(world.rings).toEqual([one]);
    await say(id, 4, { executions: [] });
    expect(world.rings).toEqual([one, one]);
  });

  test("a report that acts on a newer wish and still leaves an execution out is news of that execution", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id, status: "starting" });
    await say(id, 1);
    world.rings.length = 0;
    await put(id, one);
    await say(id, 2, { generation: 1 });
    expect(world.rings).toEqual([one]);
  });

  test("nobody makes another provider's execution due", async () => {
    const [id, other] = [await world.provider(), await world.provider()];
    const theirs = await world.execution({ providerId: other });
    await say(id, 1, { executions: [{ id: theirs, state: "starting" }] });
    expect(world.rings).toEqual([]);
    expect(await due(theirs)).toBeNull();
  });
});

describe("inventory", () => {
  test("a GPU that is gone leaves the offer and returns to it, each told once", async () => {
    const id = await world.provider();
    const one = { machine: machine(id, { gpus: [gpu(id, 0)] }) };
    await say(id, 1, one);
    await say(id, 2, one);
    expect(await offer(id)).toMatchObject({ totalGpus: 1, freeGpus: 1 });
    await say(id, 3);
    expect(await offer(id)).toMatchObject({ totalGpus: 2, freeGpus: 2 });
    expect(await codes(id)).toEqual(["gpu-lost", "gpu-back"]);
  });

  test("a new GPU, another driver and a bigger machine are written down", async () => {
    const id = await world.provider();
    const grown = machine(id, {
      cpu_cores: 64,
      gpus: [{ ...gpu(id, 0), driver: "560.2" }, gpu(id, 1), { ...gpu(id, 2), model: "A100" }],
    });
    await say(id, 1, { machine: grown });
    expect(await provider(id)).toMatchObject({ cpuCores: 64 });
    const rows = await world.db.select().from(gpus).orderBy(gpus.index);
    expect(rows.map(({ model, driver }) => `${model} ${driver}`)).toEqual([
      "RTX 4090 560.2",
      "RTX 4090 555.1",
      "A100 555.1",
    ]);
    expect(await codes(id)).toEqual(["gpu-added"]);
  });

  test("an event about a GPU does not tell its UUID", async () => {
    const id = await world.provider();
    await say(id, 1, { machine: machine(id, { gpus: [] }) });
    expect(JSON.stringify(await world.db.select().from(events))).not.toContain("GPU-prov");
  });
});

describe("the long poll", () => {
  test("it answers at once where the machine acts on another desired set, with all of it, opened", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id });
    await put(id, one);
    const answer = HeartbeatAnswer.parse(await say(id, 1, { generation: 0 }, 25_000));
    expect(answer).toMatchObject({ generation: 1, now: world.deps.clock.now().toISOString() });
    expect(answer.executions).toMatchObject([
      { id: one, provider_id: id, gpu_uuids: ["GPU-1"], env: { A: "1" }, deadline: "2026-01-01T05:00:00.000Z" },
    ]);
  });

  test("once it runs, the answer carries the real end", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id });
    const expiresAt = new Date("2026-01-01T09:00:00.000Z");
    await world.db.update(executions).set({ expiresAt });
    await put(id, one);
    expect((await say(id, 1)).executions).toMatchObject([{ deadline: expiresAt.toISOString() }]);
  });

  test("it waits where there is nothing new, and a change ends the wait", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id });
    let answered = false;
    const answer = say(id, 1, { generation: 0 }, 25_000).finally(() => {
      answered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(answered).toBe(false);
    await put(id, one);
    expect(await answer).toMatchObject({ generation: 1 });
  });

  test("after the wait it answers all that should run, though nothing changed: what it leaves out would be stopped", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id });
    await put(id, one);
    expect((await say(id, 1, { generation: 1 }, 50)).executions).toMatchObject([{ id: one }]);
  });

  test("no wake is lost, whenever the change comes while the beat is on its way", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id });
    let generation = 0;
    for (let round = 1; round <= 12; round++) {
      const began = performance.now();
      const poll = say(id, round, { generation }, 20_000);
      await new Promise((resolve) => setTimeout(resolve, (round - 1) * 25)); // through every stage of the flush
      if (round % 2) await put(id, one);
      else await world.db.transaction((tx) => dropDesired(tx, one));
      const answer = await poll;
      expect(answer.generation).toBe(++generation);
      expect(performance.now() - began).toBeLessThan(5_000);
    }
  });

  test("a change after the generation was read, but before the wait began, ends the wait before it begins", async () => {
    const id = await world.provider({ presence: "unseen" });
    const one = await world.execution({ providerId: id });
    const sealedSpec = world.deps.secrets.seal(JSON.stringify(specOf(one, id)));
    const began = performance.now();
    const poll = await world.db.transaction(async (tx) => {
      await lockProviderRow(tx, id); // holds the beat between its two steps: taken, but not settled
      const held = say(id, 1, {}, 20_000);
      await new Promise((resolve) => setTimeout(resolve, 600));
      await putDesired(tx, { executionId: one, providerId: id, sealedSpec });
      return { held };
    });
    expect(await poll.held).toMatchObject({ generation: 1, executions: [{ id: one }] });
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test("who hangs up is not waited for", async () => {
    const id = await world.provider();
    const gone = new AbortController();
    const poll = beat(world.deps, id, heartbeat(id, 1), { waitMs: 25_000, signal: gone.signal });
    setTimeout(() => gone.abort(), 300);
    await poll;
  });

  test.each(["suspended", "removed", "rejected"] as const)(
    "nothing may run on a provider that is %s",
    async (admission) => {
      const id = await world.provider({ admission });
      const one = await world.execution({ providerId: id });
      await put(id, one);
      expect((await say(id, 1)).executions).toEqual([]);
      expect(await world.db.select().from(desiredExecutions)).toHaveLength(1);
    },
  );
});
