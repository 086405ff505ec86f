// Batch jobs on a node of a real Kubernetes, by the very use cases that every batch job takes.
import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Principal } from "../../../domain/account/principal.ts";
import type { ExecutionId, JobId } from "../../../domain/ids.ts";
import { batchExecutions, batchJobs, batchResults } from "../../../drizzle/schema/batch.ts";
import { providerNodes, providers } from "../../../drizzle/schema/provider.ts";
import { kubernetesBatchPods } from "../../adapters/cluster/kubernetes/batch/batch-pods.ts";
import { namespaceOf } from "../../adapters/cluster/kubernetes/pods/names.ts";
import type { BatchPods, Deps } from "../../deps.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { TEST_KUBECONFIG, type TestCluster, testCluster } from "../../testing/kubernetes.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { cancelBatch } from "./cancel-batch.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { runPods } from "./run-pods.ts";

/** Of this run alone: a look takes away whatever carries its prefix and no row of its own knows. */
const PREFIX = `${randomBytes(4).toString("hex")}.berth.test`;
const PATIENCE_MS = 120_000;
let world: World;
let fleet: Fleet;
let kube: TestCluster;
let realNode: string;
let deps: Deps;
const tenants: string[] = [];
const applied: ExecutionId[] = [];
const submitted: { readonly owner: Principal; readonly jobId: JobId }[] = [];
let skippedMs = 0;

/**
 * As a worker that starts anew has it. Two owners' nodes are the one that the test has, and share its two cores.
 */
function freshPods(): BatchPods {
  const pods = kubernetesBatchPods({
    ...{ kubeconfig: TEST_KUBECONFIG, labelPrefix: PREFIX, tenantMaxGpus: 8, ownCidrs: [], runtimeClass: null },
    ...{ clock: deps.clock, log: deps.log, elapsedMs: () => performance.now() + skippedMs },
  });
  return {
    ...pods,
    apply(spec, where) {
      applied.push(spec.id);
      return pods.apply({ ...spec, cpuCores: 0.25, memoryMb: 64 }, { ...where, nodeName: realNode });
    },
  };
}

async function customer(): Promise<Principal> {
  const one = await world.customer(Number.parseInt(randomBytes(5).toString("hex"), 16));
  tenants.push(one.account);
  return one;
}

async function submit(over: Parameters<Fleet["submit"]>[1] = {}, who?: Principal): Promise<JobId> {
  const owner = who ?? (await customer());
  const jobId = await fleet.submit(owner, { docker_image: "localhost/debian:12", ...over });
  submitted.push({ owner, jobId });
  return jobId;
}
const rows = (jobId: JobId) => world.db.select().from(batchExecutions).where(eq(batchExecutions.jobId, jobId));
const jobOf = async (jobId: JobId) => {
  const [job] = await world.db.select().from(batchJobs).where(eq(batchJobs.id, jobId));
  if (!job) throw new Error(`no ${jobId}`);
  return job;
};

/** Looks as workers would, until it is so. */
async function until(isSo: () => Promise<boolean>, over: Partial<Deps> = {}): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    await dispatchBatch(deps);
    await runPods({ ...deps, ...over });
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  throw new Error("it never came to it");
}
const untilDecided = (jobId: JobId, over: Partial<Deps> = {}) =>
  until(async () => (await jobOf(jobId)).decidedAt !== null, over);
const untilEmpty = () => until(async () => (await deps.batchPods?.list())?.length === 0);

describe.skipIf(TEST_KUBECONFIG === "")("a batch job on nodes of a real cluster", () => {
  beforeAll(async () => {
    world = await openWorld();
    kube = testCluster();
    realNode = (await kube.core.listNode()).items.find(({ spec }) => !spec?.unschedulable)?.metadata?.name ?? "";
    const timed = { ...world.deps, clock: { now: () => new Date() } };
    deps = timed;
    deps = { ...timed, batchPods: freshPods() };
    fleet = await openFleet({ ...world, deps: timed }, 2);
    for (const [n, id] of fleet.machines.entries())
      await world.db.transaction(async (tx) => {
        await tx.update(providers).set({ runtime: "kubernetes" }).where(eq(providers.id, id));
        await tx
          .insert(providerNodes)
          .values({ providerId: id, nodeName: `node-${n}`, ready: true, seenAt: new Date() });
        await recomputeOffers(tx, id);
      });
  }, 120_000);
  // The job of a test that failed would run on beside its second try, and no look would find the cluster empty.
  afterEach(async () => {
    for (const { owner, jobId } of submitted.splice(0)) await cancelBatch(deps, owner, jobId);
    await untilEmpty();
  }, 130_000);
  afterAll(async () => {
    for (const held of (await deps.batchPods?.list()) ?? []) await deps.batchPods?.remove(held);
    for (const account of tenants) await kube.core.deleteNamespace({ name: namespaceOf(account) }).catch(() => {});
    await kube.close();
    await world[Symbol.asyncDispose]();
  }, 120_000);

  test("is accepted where the pods of two owners agree, each paid for what it ran", async () => {
    const jobId = await submit({ command: ["sh", "-c", "echo hello | sha256sum"] });
    await untilDecided(jobId);
    const job = await jobOf(jobId);
    expect(job).toMatchObject({ status: "completed", verdict: { kind: "accepted", votes: 2 } });
    const [result] = await world.db
      .select()
      .from(batchResults)
      .where(eq(batchResults.executionId, job.resultExecutionId ?? "exec_"));
    expect(result?.stdout).toBe("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  -\n");
    for (const { createdAt, startedAt, endedAt, runMs, paid, vote } of await rows(jobId)) {
      expect([startedAt === null, vote]).toEqual([false, "agreed"]);
      expect(runMs).toBeLessThan((endedAt?.getTime() ?? 0) - createdAt.getTime());
      expect(paid).toBeGreaterThan(0n);
    }
    await untilEmpty();
    expect(await expectSound(world.db)).toEqual([]);
  }, 180_000);

  test("that ends with an exit code everywhere is the job's own error", async () => {
    const jobId = await submit({ command: ["sh", "-c", "echo because >&2; exit 7"] });
    await untilDecided(jobId);
    expect((await jobOf(jobId)).verdict).toMatchObject({ kind: "job-error" });
    for (const row of await rows(jobId)) expect(row).toMatchObject({ endCause: "exit-code", exitCode: 7 });
    const [one] = await rows(jobId);
    const [result] = await world.db
      .select()
      .from(batchResults)
      .where(eq(batchResults.executionId, one?.id ?? "exec_"));
    expect(result?.stderr).toBe("because\n");
  }, 180_000);

  test("that is cancelled loses its pods", async () => {
    const who = await customer();
    const jobId = await submit({ command: ["sleep", "600"] }, who);
    await until(async () => (await rows(jobId)).some(({ status }) => status === "running"));
    expect((await jobOf(jobId)).status).toBe("running");
    await cancelBatch(deps, who, jobId);
    await untilEmpty();
    expect((await rows(jobId)).map(({ status }) => status)).toEqual(["stopped", "stopped"]);
  }, 180_000);

  test("runs once and is paid once, wherever its workers die", async () => {
    const jobId = await submit({ command: ["cat", "/proc/sys/kernel/random/boot_id"], redundancy: 1, consensus: 1 });
    await dispatchBatch(deps);
    const [{ id } = { id: "exec_" as const }] = await rows(jobId);
    const dies = () => Promise.reject(new Error("the worker dies here"));
    const made = freshPods();
    await runPods({ ...deps, batchPods: { ...made, apply: (spec, where) => made.apply(spec, where).then(dies) } });
    const read = freshPods();
    const dying = { ...read, collect: (...at: Parameters<BatchPods["collect"]>) => read.collect(...at).then(dies) };
    await until(async () => (await read.list()).some(({ state }) => state === "ended"), { batchPods: dying });
    expect((await jobOf(jobId)).decidedAt).toBeNull();
    await untilDecided(jobId, { batchPods: { ...freshPods(), remove: dies } });
    expect(await jobOf(jobId)).toMatchObject({ status: "completed" });
    expect((await deps.batchPods?.list())?.map((held) => held.id)).toEqual([id]);
    await untilEmpty();
    expect(applied.filter((one) => one === id)).toHaveLength(1);
    expect(await expectSound(world.db)).toEqual([]);
  }, 180_000);

  test("of an image that cannot be pulled is not waited for until its time is over", async () => {
    const who = await customer();
    const jobId = await submit({ docker_image: "localhost/berth-nobody:none", command: ["true"] }, who);
    await until(async () => {
      skippedMs += 20_000; // of the minute in which a registry may be away
      const all = await rows(jobId);
      return all.length === 2 && all.every(({ status }) => status === "failed");
    });
    for (const row of await rows(jobId)) {
      expect(row.endCause).toMatch(/^(image-not-found|start-failed)$/);
      expect(row.detail).toMatch(/Pull/);
    }
    await cancelBatch(deps, who, jobId);
    await untilEmpty();
  }, 180_000);

  test("whose pod is deleted behind our back is not run there again", async () => {
    const who = await customer();
    const jobId = await submit({ command: ["sleep", "600"], redundancy: 1, consensus: 1 }, who);
    await until(async () => (await rows(jobId)).some(({ status }) => status === "running"));
    const [run] = await rows(jobId);
    const namespace = namespaceOf(who.account);
    await kube.core.deleteNamespacedPod({ namespace, name: run?.id.replace("_", "-") ?? "" });
    await until(async () => (await rows(jobId)).some(({ endCause }) => endCause === "infrastructure"));
    expect(applied.filter((one) => one === run?.id)).toHaveLength(1);
    await cancelBatch(deps, who, jobId);
    await untilEmpty();
  }, 180_000);
});
