// A rental on a node of a real Kubernetes, by the very use cases that every rental takes.
import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Principal } from "../../../domain/account/principal.ts";
import type { ExecutionId, JobId, ProviderId } from "../../../domain/ids.ts";
import type { RentWish } from "../../../domain/job/wish.ts";
import { executions } from "../../../drizzle/schema/job.ts";
import { providerNodes, providers } from "../../../drizzle/schema/provider.ts";
import { kubernetesCluster } from "../../adapters/cluster/kubernetes/pods/kubernetes-cluster.ts";
import { namespaceOf, podName } from "../../adapters/cluster/kubernetes/pods/names.ts";
import type { Deps } from "../../deps.ts";
import { logStore } from "../../repos/logs.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { TEST_KUBECONFIG, type TestCluster, testCluster } from "../../testing/kubernetes.ts";
import { expectSound } from "../../testing/sound.ts";
import { type SshClient, sshClient } from "../../testing/ssh.ts";
import { GPU_MODEL, openWorld, type World } from "../../testing/world.ts";
import { getJob } from "../job/get-job.ts";
import { rentGpu } from "../job/rent-gpu.ts";
import { stopJob } from "../job/stop-job.ts";
import { reconcileExecution } from "./reconcile-execution.ts";
import { sweepOrphans } from "./sweep-executions.ts";

/** Of this run alone: a sweep takes away whatever carries its prefix and no row of its own knows. */
const PREFIX = `${randomBytes(4).toString("hex")}.berth.test`;
let world: World;
let deps: Deps;
let kube: TestCluster;
let client: SshClient;
let node: string;
let provider: ProviderId;
const tenants: string[] = [];

function wish(over: Partial<RentWish> = {}): RentWish {
  return {
    ...{ name: "pod", providerId: null, gpuModel: GPU_MODEL, gpuCount: 1, cpuCores: 1, memoryGb: 1, diskGb: 1 },
    ...{
      hours: 1,
      maxRate: null,
      image: "localhost/debian:12",
      template: null,
      minVramMb: 0,
      command: null,
      httpPort: null,
      env: { GREETING: "ahoy" },
      sshPublicKeys: [client.publicKey],
    },
    ...over,
  };
}
const rent = (renter: Principal, over: Partial<RentWish> = {}) =>
  rentGpu(deps, renter, wish(over), { key: null, request: null });

/** An account of its own, so that namespaces of runs never meet. */
async function tenant(): Promise<Principal> {
  const renter = await world.customer(Number.parseInt(randomBytes(5).toString("hex"), 16));
  tenants.push(renter.account);
  return renter;
}

/** Reconciles as rings would, until the job is there. */
async function until(renter: Principal, jobId: JobId, status: string) {
  for (let tries = 0; tries < 900; tries++) {
    const job = await getJob(deps, renter, jobId);
    if (job.status === status) return job;
    if (["stopped", "expired", "failed", "cancelled"].includes(job.status))
      throw new Error(`${job.status}: ${job.reason?.code}`);
    const rows = await world.db.select({ id: executions.id }).from(executions).where(eq(executions.jobId, jobId));
    for (const { id } of rows) await reconcileExecution(deps, id);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`the job never was ${status}`);
}

/** A pod takes its grace before it is gone, and its kubelet may take half a minute to say so. */
async function gone(id: ExecutionId): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if ((await deps.pods?.observe(id))?.state === "absent") return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${id} is still there`);
}

describe.skipIf(TEST_KUBECONFIG === "")("a rental on a node of a real cluster", () => {
  beforeAll(async () => {
    world = await openWorld();
    kube = testCluster();
    client = await sshClient();
    node = (await kube.core.listNode()).items.find(({ spec }) => !spec?.unschedulable)?.metadata?.name ?? "";
    const clock = { now: () => new Date() };
    deps = {
      ...world.deps,
      clock,
      settings: { ...world.deps.settings, tenantMaxGpus: 2 },
      pods: kubernetesCluster({
        ...{ kubeconfig: TEST_KUBECONFIG, labelPrefix: PREFIX, tenantMaxGpus: 2, ownCidrs: [], runtimeClass: null },
        ...{ clock, log: world.deps.log },
      }),
    };
    provider = await world.provider({ gpus: 4 });
    await world.db.transaction(async (tx) => {
      await tx.update(providers).set({ runtime: "kubernetes" }).where(eq(providers.id, provider));
      await tx.insert(providerNodes).values({ providerId: provider, nodeName: node, ready: true, seenAt: new Date() });
      await recomputeOffers(tx, provider);
    });
  }, 120_000);
  // The node has two cores: what a test that failed leaves would take the room of its second try, and of others.
  afterEach(async () => {
    for (const { id } of (await deps.pods?.list()) ?? []) await deps.pods?.remove(id);
  });
  afterAll(async () => {
    for (const { id } of (await deps.pods?.list()) ?? []) await deps.pods?.remove(id);
    for (const account of tenants) await kube.core.deleteNamespace({ name: namespaceOf(account) }).catch(() => {});
    await kube.close();
    await client.close();
    await world[Symbol.asyncDispose]();
  }, 120_000);

  test("is a shell under the host key that was shown before, and leaves nothing behind but its bill", async () => {
    const renter = await tenant();
    const { jobId, executionId } = await rent(renter);
    const shown = (await getJob(deps, renter, jobId)).ssh?.host_key;
    const job = await until(renter, jobId, "running");
    if (!job.ssh) throw new Error("no SSH line");
    expect(job.ssh.host).toBe("127.0.0.1");
    if (shown) expect(job.ssh.host_key).toBe(shown);
    const stdout = await client.ssh(job.ssh.port, job.ssh.host_key, "echo $GREETING from $BERTH_JOB_ID");
    expect(stdout).toBe(`ahoy from ${jobId}\n`);
    const pod = await kube.core.readNamespacedPod({
      name: podName(executionId),
      namespace: namespaceOf(renter.account),
    });
    expect(pod.spec?.nodeName).toBe(node);
    expect(pod.spec?.containers[0]?.resources?.limits?.["nvidia.com/gpu"]).toBe("1");
    await stopJob(deps, renter, jobId);
    await until(renter, jobId, "stopped");
    await gone(executionId);
    expect(await expectSound(world.db)).toEqual([]);
  }, 180_000);

  test("keeps what it wrote when it ended and its pod is gone", async () => {
    const renter = await tenant();
    const { jobId, executionId } = await rent(renter);
    const { ssh } = await until(renter, jobId, "running");
    if (!ssh) throw new Error("no SSH line");
    await client.ssh(ssh.port, ssh.host_key, "echo these were its last words >/proc/1/fd/1");
    await stopJob(deps, renter, jobId);
    await until(renter, jobId, "stopped");
    await gone(executionId);
    await reconcileExecution(deps, executionId);
    const kept = (await logStore(world.db).read(executionId, 0, 100)).map(({ text }) => text).join("");
    expect(kept.split("these were its last words\n")).toHaveLength(2);
  }, 180_000);

  test("beyond the account's limit is refused before anything is made, and says what would help", async () => {
    const renter = await tenant();
    await rent(renter, { gpuCount: 2 });
    await expect(rent(renter)).rejects.toMatchObject({
      code: "no-capacity",
      extras: { removed: expect.objectContaining({ tenant_limit: 1 }) },
    });
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("whose pod was deleted behind our back ends with that reason, and is billed no further", async () => {
    const renter = await tenant();
    const { jobId, executionId } = await rent(renter);
    await until(renter, jobId, "running");
    await kube.core.deleteNamespacedPod({ name: podName(executionId), namespace: namespaceOf(renter.account) });
    const job = await until(renter, jobId, "failed");
    expect(job.reason?.code).toMatch(/^(gone-from-provider|killed)$/);
    expect(await expectSound(world.db)).toEqual([]);
  }, 180_000);

  test("that no row knows is swept away", async () => {
    const renter = await tenant();
    const { jobId } = await rent(renter);
    await until(renter, jobId, "running");
    await stopJob(deps, renter, jobId);
    await until(renter, jobId, "stopped");
    // as if the removal had been lost after the row got its end
    const orphan = world.deps.ids.next("exec");
    await deps.pods?.apply(
      {
        ...{ id: orphan, jobId, providerId: provider, kind: "rental", image: "localhost/debian:12" },
        ...{ cpuCores: 1, memoryMb: 256, diskGb: 1, gpuUuids: [], env: {}, sshPublicKeys: [client.publicKey] },
        ...{ command: null, registryLogin: null, sshHostKey: "none", deadline: new Date().toISOString() },
      },
      { tenant: renter.account, nodeName: node, host: "127.0.0.1" },
    );
    expect((await sweepOrphans(deps)).orphans).toEqual({ agents: 0, pods: 1 });
    await gone(orphan);
    expect((await sweepOrphans(deps)).orphans).toEqual({ agents: 0, pods: 0 });
  }, 180_000);
});
