// What nobody rang for: pods that went unwatched, and looks that failed while their cluster was away.
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { executions } from "../../../drizzle/schema/job.ts";
import { providerNodes, providers } from "../../../drizzle/schema/provider.ts";
import type { Deps } from "../../deps.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { GPU_MODEL, MemoryCluster, openWorld, type World } from "../../testing/world.ts";
import { rentGpu } from "../job/rent-gpu.ts";
import { watchNodes } from "../node/watch-nodes.ts";
import { reconcileExecution } from "./reconcile-execution.ts";
import { sweepOrphans } from "./sweep-executions.ts";

class Pods extends MemoryCluster {
  away = false;
  override async observe(...asked: Parameters<MemoryCluster["observe"]>) {
    if (this.away) throw new Error("the cluster's API server does not answer");
    return super.observe(...asked);
  }
  async watch() {}
  async lastWords() {
    return "";
  }
}

let world: World;
let deps: Deps;
const pods = new Pods();
beforeAll(async () => {
  world = await openWorld();
  deps = { ...world.deps, pods };
  const id = await world.provider({ gpus: 8 });
  await world.db.transaction(async (tx) => {
    await tx.update(providers).set({ runtime: "kubernetes" }).where(eq(providers.id, id));
    await tx
      .insert(providerNodes)
      .values({ providerId: id, nodeName: "node-1", ready: true, seenAt: deps.clock.now() });
    await recomputeOffers(tx, id);
  });
});
afterAll(() => world[Symbol.asyncDispose]());

async function rented(n: number) {
  const renter = await world.customer(n);
  const wish = { name: "pod", providerId: null, gpuModel: GPU_MODEL, gpuCount: 1, cpuCores: 1, memoryGb: 1, diskGb: 1 };
  const { executionId } = await rentGpu(
    deps,
    renter,
    {
      ...{ ...wish, hours: 1, maxRate: null, image: "debian:12", template: null, minVramMb: 0, command: null },
      ...{ httpPort: null, env: {}, sshPublicKeys: [] },
    },
    { key: null, request: null },
  );
  return executionId;
}
const rowOf = async (id: Awaited<ReturnType<typeof rented>>) =>
  (await world.db.select().from(executions).where(eq(executions.id, id)))[0]!;

test("a row whose pod went while nobody watched is rung for by the sweep, and one that is as it should be is not", async () => {
  const [kept, lost, waits] = [await rented(1), await rented(2), await rented(3)];
  for (const id of [kept, lost]) for (let n = 0; n < 2; n++) await reconcileExecution(deps, id);
  expect((await rowOf(lost)).status).toBe("running");
  await pods.remove(lost);
  world.rings.length = 0;
  expect((await sweepOrphans(deps)).missing).toBe(1);
  expect(world.rings).toEqual([{ name: "execution.reconcile", payload: { id: lost } }]);
  await reconcileExecution(deps, lost);
  expect((await rowOf(lost)).status).toBe("failed");
  expect((await rowOf(kept)).status).toBe("running");
  expect((await rowOf(waits)).status).toBe("scheduled");
});

test("what no row wants is taken away and counted by where it was, and what a row wants stays", async () => {
  const kept = await rented(6);
  for (let n = 0; n < 2; n++) await reconcileExecution(deps, kept);
  const orphan = () => deps.ids.next("exec");
  world.deps.cluster.seen.set(orphan(), world.deps.cluster.onApply);
  for (const id of [orphan(), orphan()]) pods.seen.set(id, pods.onApply);
  expect((await sweepOrphans(deps)).orphans).toEqual({ agents: 1, pods: 2 });
  expect(world.deps.cluster.seen.size).toBe(0);
  expect(pods.seen.has(kept)).toBe(true);
  expect((await sweepOrphans(deps)).orphans).toEqual({ agents: 0, pods: 0 });
});

test("what was looked at in vain while the cluster was away is due at once when it is back", async () => {
  const [id, other] = [await rented(4), await rented(5)];
  for (let n = 0; n < 2; n++) await reconcileExecution(deps, other);
  const later = new Date(deps.clock.now().getTime() + 128_000);
  await world.db.update(executions).set({ reconcileAttempts: 6, nextReconcileAt: later }).where(eq(executions.id, id));
  const untouched = (await rowOf(other)).nextReconcileAt;
  pods.away = true;
  await expect(reconcileExecution(deps, id)).rejects.toThrow();
  expect((await rowOf(id)).nextReconcileAt).toEqual(later);
  pods.away = false;
  const nodes = { watch: async (tell: (change: { kind: "back" }) => void) => tell({ kind: "back" }) };
  await watchNodes({ ...deps, nodes: { ...unused(), ...nodes } }, AbortSignal.timeout(1_000));
  await expect.poll(async () => (await rowOf(id)).nextReconcileAt, { timeout: 10_000 }).toEqual(deps.clock.now());
  expect((await rowOf(id)).reconcileAttempts).toBe(0);
  expect((await rowOf(other)).nextReconcileAt).toEqual(untouched);
});

/** Nodes of which nothing but the watch is asked here. */
function unused(): NonNullable<Deps["nodes"]> {
  const never = () => Promise.reject(new Error("this test asks for no nodes"));
  return {
    ...{ prepare: never, issueToken: never, revokeToken: never, requests: never, approve: never, refuse: never },
    ...{ find: never, list: never, mark: never, watch: never },
  };
}
