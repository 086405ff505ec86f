import { eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { events } from "../../../drizzle/schema/event.ts";
import { executions } from "../../../drizzle/schema/job.ts";
import { gpus, providerPresence, providers } from "../../../drizzle/schema/provider.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { beat } from "./beat.ts";
import { type BeatWorld, beatWorld, gpu, heartbeat, machine } from "./testing/beats.ts";

let world: BeatWorld;
beforeAll(async () => {
  world = await beatWorld();
});
afterAll(() => world.close());
beforeEach(() => world.empty());

describe("presence", () => {
  test("the first report brings a provider online and its offers with it, once", async () => {
    const id = await world.provider({ presence: "unseen" });
    expect(await world.offer(id)).toMatchObject({ available: false });
    await world.say(id, 1);
    await world.say(id, 2);
    expect(await world.row(id)).toMatchObject({ presence: "online", offlineSince: null });
    expect(await world.offer(id)).toMatchObject({ available: true });
    expect(await world.codes(id)).toEqual(["provider-online"]);
  });

  test("a provider that returns with an execution the broker has ended is joined, not available, until it is clean", async () => {
    const id = await world.provider({ presence: "offline" });
    const ghost = await world.execution({ providerId: id, status: "lost" });
    const still = [{ id: ghost, state: "starting" as const }];
    await world.say(id, 1, { executions: still });
    expect(await world.row(id)).toMatchObject({ presence: "joined" });
    await world.say(id, 2, { executions: still });
    expect(await world.offer(id)).toMatchObject({ available: false });
    await world.say(id, 3);
    expect(await world.row(id)).toMatchObject({ presence: "online" });
    expect(await world.codes(id)).toEqual(["provider-joined", "provider-online"]);
  });

  test("an execution of another provider, or one nobody knows, is a ghost too", async () => {
    const id = await world.provider({ presence: "offline" });
    const theirs = await world.execution({ providerId: await world.provider() });
    await world.say(id, 1, { executions: [{ id: theirs, state: "starting" }] });
    expect(await world.row(id)).toMatchObject({ presence: "joined" });
    await world.say(id, 2, { executions: [{ id: "exec_00000000000000000000000000", state: "starting" }] });
    expect(await world.row(id)).toMatchObject({ presence: "joined" });
  });

  test("a return makes all that lives there due and rings it", async () => {
    const id = await world.provider({ presence: "offline" });
    const live = await world.execution({ providerId: id, status: "unreachable" });
    await world.say(id, 1, { executions: [{ id: live, state: "starting" }] });
    expect(await world.row(id)).toMatchObject({ presence: "online" });
    expect(await world.due(live)).toEqual(world.deps.clock.now());
    expect(world.rings).toContain(live);
  });
});

describe("a node of the cluster", () => {
  test.each(["unseen", "joined", "online", "offline"] as const)(
    "stays %s whatever its agent reports: the Node object decides; its inventory and usage are taken",
    async (presence) => {
      const id = await world.provider({ runtime: "kubernetes", presence });
      await world.say(id, 1, { machine: machine(id, { runtime: "kubernetes", gpus: [gpu(id, 0)] }) });
      expect((await world.row(id)).presence).toBe(presence);
      expect(await world.codes(id)).toEqual(["gpu-lost"]);
      const [taken] = await world.db.select().from(providerPresence);
      expect(taken).toMatchObject({ providerId: id, seq: 1, usage: { cpu_percent: 1 } });
    },
  );
});

describe("inventory", () => {
  test("a GPU that is gone leaves the offer and returns to it, each told once", async () => {
    const id = await world.provider();
    const one = { machine: machine(id, { gpus: [gpu(id, 0)] }) };
    await world.say(id, 1, one);
    await world.say(id, 2, one);
    expect(await world.offer(id)).toMatchObject({ totalGpus: 1, freeGpus: 1 });
    await world.say(id, 3);
    expect(await world.offer(id)).toMatchObject({ totalGpus: 2, freeGpus: 2 });
    expect(await world.codes(id)).toEqual(["gpu-lost", "gpu-back"]);
  });

  test("a new GPU, another driver and a bigger machine are written down", async () => {
    const id = await world.provider();
    const grown = machine(id, {
      cpu_cores: 64,
      gpus: [{ ...gpu(id, 0), driver: "560.2" }, gpu(id, 1), { ...gpu(id, 2), model: "A100" }],
    });
    await world.say(id, 1, { machine: grown });
    expect(await world.row(id)).toMatchObject({ cpuCores: 64 });
    const rows = await world.db.select().from(gpus).orderBy(gpus.index);
    expect(rows.map(({ model, driver }) => `${model} ${driver}`)).toEqual([
      "RTX 4090 560.2",
      "RTX 4090 555.1",
      "A100 555.1",
    ]);
    expect((await world.told(id)).map(({ code, message }) => `${code}: ${message}`)).toEqual([
      "gpu-added: GPU 2 (A100) was added.",
      "machine-changed: The machine changed: cpu cores (32 → 64), driver of GPU 0 (555.1 → 560.2).",
    ]);
    expect((await world.told(id)).at(-1)?.data).toEqual({ fields: "cpuCores, gpu.driver" });
  });

  test("a GPU that is gone under a rental is an incident of both, leaves the offer, and ends nothing", async () => {
    const id = await world.provider();
    const rented = await world.execution({ providerId: id });
    await world.db.update(gpus).set({ executionId: rented }).where(eq(gpus.index, 1));
    const [held] = await world.db.select().from(executions).where(eq(executions.id, rented));
    const jobId = held?.jobId ?? "";
    await world.db.transaction((tx) => recomputeOffers(tx, id));
    const running = [{ id: rented, state: "ready" as const, port: 30_000, user: "root" }];
    const without = { machine: machine(id, { gpus: [gpu(id, 0)] }), executions: running };
    const answer = await world.say(id, 1, without);
    await world.say(id, 2, without);
    expect(answer.notices).toEqual([expect.stringContaining("GPU 1 (RTX 4090)")]);
    expect(await world.codes(id)).toEqual(["gpu-vanished"]);
    expect((await world.told(jobId)).map(({ code, message }) => [code, message.slice(0, 60)])).toEqual([
      ["gpu-vanished", "GPU 1 of this job is gone from the provider's report. It goe"],
    ]);
    const [still] = await world.db.select().from(executions).where(eq(executions.id, rented));
    expect(still).toMatchObject({ status: "running", desired: "run", version: held?.version });
    expect(await world.offer(id)).toMatchObject({ totalGpus: 2, freeGpus: 1, inUseGpus: 1 });

    expect((await world.say(id, 3, { executions: running })).notices).toEqual([]);
    expect(await world.codes(id)).toEqual(["gpu-vanished", "gpu-back"]);
    expect(await world.codes(jobId)).toEqual(["gpu-vanished", "gpu-back"]);
    expect(await world.offer(id)).toMatchObject({ totalGpus: 2, freeGpus: 1, inUseGpus: 1 });
  });

  test("once its rental has ended, a GPU that is gone leaves the offer for good", async () => {
    const id = await world.provider();
    await world.say(id, 1, { machine: machine(id, { gpus: [gpu(id, 0)] }) });
    expect(await world.offer(id)).toMatchObject({ totalGpus: 1, freeGpus: 1, inUseGpus: 0 });
    await world.say(id, 2, { machine: machine(id, { gpus: [] }) });
    expect(await world.offer(id)).toBeUndefined();
  });

  test("addresses are kept, and tell nobody when they change or come in another order", async () => {
    const id = await world.provider();
    await world.say(id, 1, { machine: machine(id, { addresses: ["2001:db8::7", "203.0.113.7"] }) });
    expect((await world.row(id)).addresses).toEqual(["2001:db8::7", "203.0.113.7"]);
    const version = () => world.db.select({ xmin: sql<string>`xmin::text` }).from(providers);
    const before = await version();
    await world.say(id, 2, { machine: machine(id, { addresses: ["203.0.113.7", "2001:db8::7"] }) });
    expect(await version()).toEqual(before);
    expect(await world.codes(id)).toEqual([]);
  });

  test.each([
    ["process", "kubernetes", "process"],
    ["kubernetes", "docker", "kubernetes"],
    ["process", "docker", "docker"],
  ] as const)("a machine enrolled as %s that reports %s is %s", async (runtime, reported, kept) => {
    const id = await world.provider({ runtime });
    await world.say(id, 1, { machine: machine(id, { runtime: reported }) });
    expect((await world.row(id)).runtime).toBe(kept);
  });

  test("a change that another process wrote is not overlooked by one that knew the report before", async () => {
    const id = await world.provider();
    const less = { machine: machine(id, { gpus: [gpu(id, 0)] }) };
    await world.say(id, 1); // known here from now on
    await world.say(id, 2);
    const client = postgres(world.url, { max: 2 });
    await beat({ ...world.deps, db: drizzle(client) }, id, heartbeat(id, 3, less), { waitMs: 0 });
    expect(await world.offer(id)).toMatchObject({ totalGpus: 1 });
    await world.say(id, 4);
    expect(await world.offer(id)).toMatchObject({ totalGpus: 2 });
    await client.end();
  });

  test("an event about a GPU does not tell its UUID", async () => {
    const id = await world.provider();
    await world.say(id, 1, { machine: machine(id, { gpus: [] }) });
    expect(JSON.stringify(await world.db.select().from(events))).not.toContain("GPU-prov");
  });
});
