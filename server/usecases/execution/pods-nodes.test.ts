// Rentals on nodes that misbehave: Node objects of a real Kubernetes that no kubelet stands behind.
import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ProviderId } from "../../../domain/ids.ts";
import { executions } from "../../../drizzle/schema/job.ts";
import { offers, providerNodes, providers } from "../../../drizzle/schema/provider.ts";
import { kubernetesNodes } from "../../adapters/cluster/kubernetes/nodes/kubernetes.ts";
import type { Deps } from "../../deps.ts";
import { TEST_KUBECONFIG } from "../../testing/kubernetes.ts";
import { type Let, type PodsWorld, podsWorld } from "../../testing/pods-world.ts";
import { reconcileNode } from "../node/reconcile-node.ts";
import { compareNodes } from "../node/sweep-nodes.ts";
import { reconcileExecution } from "./reconcile-execution.ts";

const GPUS = 4;
const HOUR = 3_600_000;
let its: PodsWorld;
let deps: Deps;

/** A machine that joined, is marked and ready; of a provider of its own. */
async function machine(): Promise<{ name: string; provider: ProviderId }> {
  const name = `machine-${randomBytes(4).toString("hex")}`;
  await its.kube.register(name);
  await its.kube.status(name, "True", GPUS, new Date(Date.now() - 600_000));
  const provider = await its.provider(name);
  for (let looks = 0; looks < 5 && (looks < 2 || (await presenceOf(provider)) !== "online"); looks++)
    await reconcileNode(deps, provider);
  return { name, provider };
}
const pod = ({ at }: Let) => its.kube.core.readNamespacedPod(at);
const offersOf = (provider: ProviderId) =>
  its.db
    .select({ free: offers.freeGpus, total: offers.totalGpus, available: offers.available })
    .from(offers)
    .where(eq(offers.providerId, provider));
const presenceOf = async (provider: ProviderId) =>
  (await its.db.select().from(providers).where(eq(providers.id, provider)))[0]?.presence;
/** Bound by the scheduler; nobody there makes anything of it. */
async function bound(rental: Let, name: string): Promise<void> {
  await its.look(rental.jobId, ({ execution }) => execution.status === "starting");
  await reconcileExecution(its.deps, rental.executionId);
  await expect.poll(async () => (await pod(rental)).spec?.nodeName, { timeout: 30_000 }).toBe(name);
}
/** As if its kubelet had started it a minute ago. */
async function ranFor(rental: Let, ms: number): Promise<Date> {
  const startedAt = new Date(Date.now() - ms);
  await its.db
    .update(executions)
    .set({ status: "running", startedAt, expiresAt: new Date(startedAt.getTime() + HOUR), endpointPort: 30_022 })
    .where(eq(executions.id, rental.executionId));
  return startedAt;
}

describe.skipIf(TEST_KUBECONFIG === "")("a rental on a node that misbehaves", { timeout: 200_000 }, () => {
  beforeAll(async () => {
    its = await podsWorld();
    const nodes = kubernetesNodes({
      ...{ kubeconfig: TEST_KUBECONFIG, joinEndpoint: null, labelPrefix: its.prefix, log: its.deps.log },
    });
    deps = { ...its.deps, nodes };
  }, 120_000);
  afterEach(async () => {
    its.ahead(0);
    await its.clear({ withoutKubelet: true });
  }, 130_000);
  afterAll(() => its.close(), 120_000);

  test("is bound by the node's name: another that took over its labels, and sheds our taint, gets none and adds nothing", async () => {
    const { name, provider } = await machine();
    const { metadata } = await its.kube.node(name);
    const labels = metadata?.labels ?? {};
    expect(labels[`${its.prefix}/provider-id`]).toBe(provider);
    const forger = `forger-${randomBytes(4).toString("hex")}`;
    await its.kube.register(forger, { labels: { ...labels, [`${its.prefix}/last-heartbeat`]: "now" } });
    await its.kube.status(forger, "True", 64);
    await its.kube.patchNode(forger, {
      metadata: { annotations: { [`${its.prefix}/last-heartbeat`]: new Date().toISOString() } },
    });
    const before = await offersOf(provider);
    await compareNodes(deps);
    await reconcileNode(deps, provider);
    expect(await offersOf(provider)).toEqual(before);

    const rental = await its.rent(provider);
    await bound(rental, name);
    // Full or cordoned, the honest node is waited for: the forger is never the next best.
    await its.kube.patchNode(name, { spec: { unschedulable: true } });
    const late = await its.rent(provider);
    await its.look(late.jobId, ({ execution }) => execution.status === "starting");
    await reconcileExecution(its.deps, late.executionId);
    await expect
      .poll(async () => (await pod(late)).status?.conditions?.some(({ reason }) => reason === "Unschedulable"), {
        timeout: 30_000,
      })
      .toBe(true);
    expect((await pod(late)).spec?.nodeName).toBeUndefined();
    expect(
      (await its.kube.core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${forger}` })).items.filter(
        ({ metadata }) => metadata?.namespace?.startsWith("berth-"),
      ),
    ).toEqual([]);
  });

  test("whose node left the cluster ends with that: nothing is charged before it ran, and nothing after it was seen", async () => {
    const { name, provider } = await machine();
    const [waits, runs] = [await its.rent(provider), await its.rent(provider)];
    for (const rental of [waits, runs]) await bound(rental, name);
    await ranFor(runs, 60_000);
    await its.kube.deleteNode(name);
    // The cluster takes away the pods of a node that is gone, a minute later and without a word.
    const [ended, charged] = await Promise.all([its.end(waits), its.end(runs)]);
    expect(ended).toMatchObject({ reason: "node-lost", fault: "provider", ran: false });
    expect(charged).toMatchObject({ reason: "node-lost", fault: "provider", ran: true, status: "failed" });
  });

  test("whose node is silent for long is out of reach, then lost; it is charged to the last sign of life", async () => {
    const { name, provider } = await machine();
    const rental = await its.rent(provider);
    await bound(rental, name);
    const startedAt = await ranFor(rental, 300_000);
    await its.kube.status(name, "Unknown", GPUS, new Date(Date.now() - 120_000));
    await reconcileNode(deps, provider);
    expect(await presenceOf(provider)).toBe("offline");
    await its.look(rental.jobId, ({ execution }) => execution.status === "unreachable");
    its.ahead(15 * 60_000);
    expect(await its.end(rental)).toMatchObject({ reason: "provider-lost", fault: "provider", status: "lost" });
    const { endedAt } = (await its.rowOf(rental.jobId)).execution;
    const ranMs = (endedAt?.getTime() ?? 0) - startedAt.getTime();
    expect(ranMs).toBeGreaterThan(0);
    expect(ranMs).toBeLessThan(300_000);
  });

  test("goes on when its node was silent for a while and is back: the cluster took no pod away meanwhile", async () => {
    const { name, provider } = await machine();
    const rental = await its.rent(provider);
    await bound(rental, name);
    await ranFor(rental, 300_000);
    await its.kube.status(name, "Unknown", GPUS, new Date(Date.now() - 120_000));
    await reconcileNode(deps, provider);
    await its.look(rental.jobId, ({ execution }) => execution.status === "unreachable");
    await its.kube.status(name, "True", GPUS);
    await reconcileNode(deps, provider);
    await its.look(rental.jobId, ({ execution }) => execution.status === "running");
    const { metadata, spec } = await pod(rental);
    expect(metadata?.deletionTimestamp).toBeUndefined();
    // The cluster's own five minutes are added only where a pod says nothing of its own.
    expect(spec?.tolerations?.filter(({ tolerationSeconds }) => tolerationSeconds !== undefined)).toEqual([]);
  });

  test("whose node came back as another one under its name is on a stranger: nothing new is placed there", async () => {
    const { name, provider } = await machine();
    const rental = await its.rent(provider);
    await bound(rental, name);
    await ranFor(rental, 60_000);
    const [known] = await its.db.select().from(providerNodes).where(eq(providerNodes.providerId, provider));
    await its.kube.deleteNode(name); // and nobody looked
    await its.kube.register(name);
    await its.kube.status(name, "True", GPUS);
    await reconcileNode(deps, provider);
    await reconcileNode(deps, provider);
    expect((await its.kube.node(name)).spec?.unschedulable).toBe(true);
    expect((await its.db.select().from(providerNodes).where(eq(providerNodes.providerId, provider)))[0]?.nodeUid).toBe(
      known?.nodeUid,
    );
    await expect(its.rent(provider)).rejects.toMatchObject({ code: "no-capacity" });
    await its.look(rental.jobId, ({ execution }) => execution.status === "unreachable");
    its.ahead(15 * 60_000);
    expect(await its.end(rental)).toMatchObject({ reason: "provider-lost", fault: "provider" });
  });

  test("is on a cluster whose clock is an hour off: nothing ends early, and no bill grows", async () => {
    const { name, provider } = await machine();
    for (const hours of [-1, 1]) {
      its.ahead(hours * HOUR);
      const rental = await its.rent(provider);
      await bound(rental, name);
      for (let looks = 0; looks < 3; looks++) await reconcileExecution(its.deps, rental.executionId);
      expect((await its.rowOf(rental.jobId)).execution).toMatchObject({ status: "starting", reason: null });
      await its.db.update(executions).set({ desired: "stop" }).where(eq(executions.id, rental.executionId));
      await reconcileExecution(its.deps, rental.executionId);
      await its.kube.core.deleteNamespacedPod({ ...rental.at, gracePeriodSeconds: 0 });
      expect(await its.end(rental)).toMatchObject({ ran: false });
    }
  });
});
