import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kubernetesNodes } from "../server/adapters/cluster/kubernetes/nodes/kubernetes.ts";
import { insertNode } from "../server/repos/nodes.ts";
import { TEST_KUBECONFIG, testCluster } from "../server/testing/kubernetes.ts";
import { type ProviderWorld, providerWorld } from "../server/testing/provider-world.ts";
import { startWatchers } from "./watchers.ts";

describe.skipIf(!TEST_KUBECONFIG)("the watchers of a worker (need BERTH_TEST_KUBECONFIG)", () => {
  let world: ProviderWorld;
  beforeAll(async () => {
    world = await providerWorld();
    await world.empty();
  });
  afterAll(() => world?.close());
  const nodesOf = (kubeconfig: string) =>
    kubernetesNodes({ kubeconfig, joinEndpoint: null, labelPrefix: "watchers.berth.test", log: world.deps.log });

  test("ring the provider whose node came", async () => {
    const cluster = testCluster();
    const id = await world.provider({ runtime: "kubernetes", presence: "unseen", admission: "pending" });
    const name = `berth-test-${crypto.randomUUID().slice(0, 8)}`;
    await world.db.transaction((tx) => insertNode(tx, id, name));
    const watchers = startWatchers({ ...world.deps, nodes: nodesOf(TEST_KUBECONFIG) }, world.url);
    try {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await cluster.register(name);
      await expect.poll(() => world.rings, { timeout: 20_000 }).toContain(id);
    } finally {
      await watchers.stop();
      await cluster.close();
    }
  });

  test("wait for a cluster that is away, and stop when told to", async () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-away-"));
    const kubeconfig = join(folder, "config");
    writeFileSync(kubeconfig, readFileSync(TEST_KUBECONFIG, "utf8").replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:9"));
    const watchers = startWatchers({ ...world.deps, nodes: nodesOf(kubeconfig) }, world.url);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await watchers.stop();
    rmSync(folder, { recursive: true });
  });
});
