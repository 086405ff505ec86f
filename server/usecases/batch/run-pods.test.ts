// What the worker does about batch executions on nodes, with a cluster that is played; pods.test.ts has a real one.
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Principal } from "../../../domain/account/principal.ts";
import type { BatchRun } from "../../../domain/execution/batch-run.ts";
import type { BatchSpec } from "../../../domain/execution/spec.ts";
import type { ExecutionId, JobId, ProviderId } from "../../../domain/ids.ts";
import { batchExecutions, batchJobs } from "../../../drizzle/schema/batch.ts";
import { providerNodes, providers } from "../../../drizzle/schema/provider.ts";
import type { BatchPods, HeldBatch } from "../../deps.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { cancelBatch } from "./cancel-batch.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { runPods, toReport } from "./run-pods.ts";
import { takeResults } from "./take-results.ts";

let world: World;
let fleet: Fleet;
let customer: Principal;
let customers = 500;

/** Pods that do what they are told to. */
class PlayedPods implements BatchPods {
  readonly held = new Map<ExecutionId, HeldBatch>();
  readonly made: BatchSpec[] = [];
  refusal: string | null = null;
  run: BatchRun | null = ended("right");
  away = false;
  async apply(spec: BatchSpec, { tenant }: { tenant: string }) {
    if (this.refusal !== null) return this.refusal;
    this.made.push(spec);
    this.held.set(spec.id, { id: spec.id, tenant, state: "starting", startedAt: null });
    return null;
  }
  async list() {
    if (this.away) throw new Error("the API server is away");
    return [...this.held.values()];
  }
  async collect() {
    return this.run;
  }
  async remove({ id }: { id: ExecutionId }) {
    this.held.delete(id);
  }
  async watch() {}
  /** All of them get there. */
  all(state: HeldBatch["state"]) {
    for (const one of this.held.values()) this.held.set(one.id, { ...one, state, startedAt: world.deps.clock.now() });
  }
}

function ended(stdout: string, over: Partial<BatchRun> = {}): BatchRun {
  const bytes = { stdout: Buffer.from(stdout), stderr: new Uint8Array() };
  return {
    ...bytes,
    end: null,
    detail: "",
    exitCode: 0,
    runMs: 1000,
    startedAt: world.deps.clock.now(),
    files: [],
    ...over,
  };
}

async function onNode(id: ProviderId): Promise<void> {
  await world.db.transaction(async (tx) => {
    await tx.update(providers).set({ runtime: "kubernetes" }).where(eq(providers.id, id));
    await tx.insert(providerNodes).values({ providerId: id, nodeName: `node-${id}`, ready: true, seenAt: new Date() });
    await recomputeOffers(tx, id);
  });
}

beforeAll(async () => {
  world = await openWorld();
  fleet = await openFleet(world, 3);
  for (const id of fleet.machines) await onNode(id);
});
beforeEach(async () => {
  world.pass(60_000);
  customer = await world.customer(customers++);
});
afterAll(() => world[Symbol.asyncDispose]());

const look = (pods: BatchPods) => runPods({ ...world.deps, batchPods: pods });
const rows = (jobId: JobId) => world.db.select().from(batchExecutions).where(eq(batchExecutions.jobId, jobId));
const jobOf = async (jobId: JobId) => (await world.db.select().from(batchJobs).where(eq(batchJobs.id, jobId)))[0];

test("a job is given to nodes, gets pods, runs, and is decided by what they left; nothing stays behind", async () => {
  const pods = new PlayedPods();
  const jobId = await fleet.submit(customer, { environment: { A: "1" }, input_data: "in", files: ["out"] });
  const before = world.rings.length;
  expect(await dispatchBatch(world.deps)).toBe(2);
  expect(world.rings.slice(before).map(({ name }) => name)).toContain("batch.pods");
  await look(pods);
  await look(pods);
  expect(pods.made).toHaveLength(2);
  expect(pods.made[0]).toMatchObject({
    kind: "batch",
    command: ["true"],
    inputData: "in",
    env: { A: "1" },
    files: ["out"],
  });
  expect((await rows(jobId)).map(({ status }) => status)).toEqual(["scheduled", "scheduled"]);
  world.pass(2_000);
  pods.all("running");
  await look(pods);
  expect(await rows(jobId)).toMatchObject([{ status: "running" }, { status: "running" }]);
  expect(await jobOf(jobId)).toMatchObject({ status: "running" });
  world.pass(2_000);
  pods.all("ended");
  pods.run = ended("right", { files: [{ path: "out", content: Buffer.from([0, 255]) }] });
  await look(pods);
  const [one, other] = await rows(jobId);
  expect([one, other]).toMatchObject([
    { status: "succeeded", runMs: 1000, vote: "agreed" },
    { status: "succeeded", digest: one?.digest },
  ]);
  expect(await jobOf(jobId)).toMatchObject({ status: "completed", verdict: { kind: "accepted", votes: 2 } });
  expect(pods.held.size).toBe(0);
  expect(await expectSound(world.db)).toEqual([]);
});

test("what is not told yet is asked again, and its pod stays until it was", async () => {
  const pods = new PlayedPods();
  const jobId = await fleet.submit(customer, { redundancy: 1, consensus: 1 });
  await dispatchBatch(world.deps);
  await look(pods);
  pods.all("ended");
  pods.run = null;
  await look(pods);
  expect([pods.held.size, (await rows(jobId))[0]?.status]).toEqual([1, "running"]);
  pods.run = ended("right");
  await look(pods);
  expect([pods.held.size, (await rows(jobId))[0]?.status]).toEqual([0, "succeeded"]);
});

test("a pod that is gone after it ran is a failure of its machine, and never made again", async () => {
  const pods = new PlayedPods();
  const jobId = await fleet.submit(customer, { redundancy: 1, consensus: 1 });
  await dispatchBatch(world.deps);
  await look(pods);
  pods.all("running");
  await look(pods);
  pods.all("leaving");
  await look(pods);
  expect((await rows(jobId))[0]?.status).toBe("running");
  pods.held.clear();
  await look(pods);
  expect((await rows(jobId))[0]).toMatchObject({ status: "failed", endCause: "infrastructure" });
  expect(pods.made).toHaveLength(1);
  await cancelBatch(world.deps, customer, jobId);
});

test("a job that was cancelled loses its pods, and so does what no row knows", async () => {
  const pods = new PlayedPods();
  const jobId = await fleet.submit(customer, {});
  await dispatchBatch(world.deps);
  await look(pods);
  await cancelBatch(world.deps, customer, jobId);
  const stray = world.deps.ids.next("exec");
  pods.held.set(stray, { id: stray, tenant: customer.account, state: "running", startedAt: null });
  expect(await look(pods)).toBe(3);
  expect(pods.held.size).toBe(0);
});

test("what the cluster will not have is nobody's fault", async () => {
  const pods = new PlayedPods();
  pods.refusal = "The account's limit of GPUs in this cluster is reached.";
  const jobId = await fleet.submit(customer, { redundancy: 1, consensus: 1 });
  await dispatchBatch(world.deps);
  await look(pods);
  expect((await rows(jobId))[0]).toMatchObject({ status: "failed", endCause: "cannot-run", paid: 0n });
  await cancelBatch(world.deps, customer, jobId);
});

test("while the API server is away nothing is lost, and it goes on when it is back", async () => {
  const pods = new PlayedPods();
  const jobId = await fleet.submit(customer, { redundancy: 1, consensus: 1 });
  await dispatchBatch(world.deps);
  pods.away = true;
  await look(pods);
  expect((await rows(jobId))[0]?.status).toBe("scheduled");
  pods.away = false;
  await look(pods);
  pods.all("ended");
  await look(pods);
  expect((await jobOf(jobId))?.status).toBe("completed");
});

test("of two workers that look at the same time one makes the pods", async () => {
  const pods = new PlayedPods();
  await fleet.submit(customer, {});
  await dispatchBatch(world.deps);
  await Promise.all([look(pods), look(pods), look(pods)]);
  expect(pods.made).toHaveLength(2);
  pods.all("ended");
  await Promise.all([look(pods), look(pods)]);
  await look(pods);
  expect(pods.held.size).toBe(0);
});

test("a job without a command is not given to nodes", async () => {
  const jobId = await fleet.submit(customer, { command: [] });
  expect(await dispatchBatch(world.deps)).toBe(0);
  await cancelBatch(world.deps, customer, jobId);
});

test("a result without a signature counts of a node, and of no agent", async () => {
  const agent = await fleet.add();
  await world.db.transaction(async (tx) => {
    await tx.update(providers).set({ runtime: "docker" }).where(eq(providers.id, agent));
    await recomputeOffers(tx, agent);
  });
  const pods = new PlayedPods();
  const jobId = await fleet.submit(customer, { command: [], redundancy: 1, consensus: 1 });
  await dispatchBatch(world.deps);
  const [run] = await rows(jobId);
  if (!run) throw new Error("nobody got it");
  expect(run.providerId).toBe(agent);
  await look(pods);
  expect(pods.made).toEqual([]);
  await takeResults(world.deps, agent, [toReport(run.id, ended("right"))]);
  expect((await rows(jobId))[0]).toMatchObject({ status: "failed", endCause: "wrong-hash" });
});
