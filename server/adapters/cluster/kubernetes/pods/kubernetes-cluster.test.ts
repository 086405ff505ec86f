import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { ExecutionSpec, Observed } from "../../../../../domain/execution/spec.ts";
import { type ExecutionId, formatId } from "../../../../../domain/ids.ts";
import type { WatchedCluster } from "../../../../deps.ts";
import { TEST_KUBECONFIG, type TestCluster, testCluster } from "../../../../testing/kubernetes.ts";
import { type SshClient, sshClient } from "../../../../testing/ssh.ts";
import { newHostKey } from "../../../system/host-key.ts";
import { kubernetesCluster } from "./kubernetes-cluster.ts";
import { namespaceOf, podName } from "./names.ts";

const TENANT = `0x${randomBytes(20).toString("hex")}`;
const OTHER = `0x${randomBytes(20).toString("hex")}`;
/** Of this run alone: a sweep takes away whatever carries its prefix and no row of its own knows. */
const PREFIX = `${randomBytes(4).toString("hex")}.berth.test`;
const IMAGE = "localhost/debian:12";
const log = { info: () => {}, warn: () => {}, error: () => {} };
const hostKey = newHostKey();
let client: SshClient;
let cluster: WatchedCluster;
let kube: TestCluster;
let node: string;
const made: ExecutionId[] = [];

function spec(given: Partial<ExecutionSpec> = {}): ExecutionSpec {
  const id = formatId("exec", Date.now(), randomBytes(10));
  made.push(id);
  return {
    id,
    jobId: formatId("job", Date.now(), randomBytes(10)),
    providerId: formatId("prov", 1, randomBytes(10)),
    kind: "rental",
    image: IMAGE,
    cpuCores: 1,
    memoryMb: 256,
    diskGb: 1,
    gpuUuids: ["GPU-a"],
    env: { HELLO: "wor ld", BERTH_JOB_ID: "forged", LD_PRELOAD: "/evil.so" },
    sshPublicKeys: [client.publicKey],
    command: null,
    registryLogin: null,
    sshHostKey: hostKey.privateKey,
    deadline: new Date(Date.now() + 3_600_000).toISOString(),
    ...given,
  };
}
const where = (tenant = TENANT) => ({ tenant, nodeName: node, host: "127.0.0.1" });

async function until(id: ExecutionId, state: Observed["state"]): Promise<Observed> {
  for (let tries = 0; tries < 900; tries++) {
    const seen = await cluster.observe(id);
    if (seen.state === state) return seen;
    if (seen.state === "ended" && state !== "absent") throw new Error(`ended: ${seen.cause} ${seen.detail}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${id} never became ${state}`);
}

const ssh = (port: number, script: string) => client.ssh(port, hostKey.publicKey, script);

describe.skipIf(TEST_KUBECONFIG === "")("executions as pods of a real cluster", () => {
  beforeAll(async () => {
    client = await sshClient();
    kube = testCluster();
    const { items } = await kube.core.listNode();
    node = items.find(({ spec }) => !spec?.unschedulable)?.metadata?.name ?? "";
    cluster = kubernetesCluster({
      kubeconfig: TEST_KUBECONFIG,
      labelPrefix: PREFIX,
      tenantMaxGpus: 2,
      ownCidrs: [],
      runtimeClass: null,
      clock: { now: () => new Date() },
      log,
    });
  }, 120_000);
  // The test node has two cores: what a test leaves would keep the next one away.
  afterEach(async () => {
    for (const id of made.splice(0)) {
      await cluster.remove(id);
      await until(id, "absent");
    }
  }, 120_000);
  afterAll(async () => {
    for (const tenant of [TENANT, OTHER])
      await kube.core.deleteNamespace({ name: namespaceOf(tenant) }).catch(() => {});
    await kube.close();
    await client.close();
  }, 120_000);

  test("what is applied, twice too, becomes a shell under the broker's own host key, and is taken back whole", async () => {
    const wanted = spec();
    await Promise.all([cluster.apply(wanted, where()), cluster.apply(wanted, where())]);
    await cluster.apply(wanted, where());
    const ready = await until(wanted.id, "ready");
    if (ready.state !== "ready") throw new Error("not ready");
    expect(ready.endpoint).toMatchObject({ host: "127.0.0.1", user: "root" });
    const env = await ssh(ready.endpoint.port, "env");
    expect(env).toContain("HELLO=wor ld");
    expect(env).toContain(`BERTH_JOB_ID=${wanted.jobId}`);
    expect(env).toContain("BERTH_GPU_COUNT=1");
    expect(env).toContain(`BERTH_SSH_PORT=${ready.endpoint.port}`);
    expect(env).not.toContain("LD_PRELOAD");
    expect((await cluster.list()).map(({ id }) => id)).toContain(wanted.id);
    await cluster.remove(wanted.id);
    await cluster.remove(wanted.id);
    await until(wanted.id, "absent");
    const namespace = namespaceOf(TENANT);
    const left = await Promise.all([
      kube.core.listNamespacedPod({ namespace }),
      kube.core.listNamespacedService({ namespace }),
      kube.core.listNamespacedSecret({ namespace, labelSelector: "app.kubernetes.io/managed-by=berth" }),
    ]);
    expect(left.map(({ items }) => items.length)).toEqual([0, 0, 0]);
  }, 180_000);

  test("a shell has no token of the cluster, no right beyond sshd's, and sees no host", async () => {
    const wanted = spec({ gpuUuids: [] });
    await cluster.apply(wanted, where());
    const ready = await until(wanted.id, "ready");
    if (ready.state !== "ready") throw new Error("not ready");
    const { port } = ready.endpoint;
    expect(await ssh(port, "ls /var/run/secrets/kubernetes.io 2>&1 || true")).toContain("No such file");
    expect(await ssh(port, "mount -t tmpfs none /mnt 2>&1 || true")).toMatch(/permission denied|not permitted/i);
    expect(await ssh(port, "unshare -m true 2>&1 || true")).toMatch(/not permitted/i);
    expect(await ssh(port, "grep CapEff /proc/self/status")).not.toContain("ffffffff");
    expect(await ssh(port, "grep NoNewPrivs /proc/self/status")).toContain("1");
  }, 180_000);

  test("an account beyond its limit is refused with the reason, until that is removed", async () => {
    const wanted = spec({ gpuUuids: ["a", "b", "c"] });
    await cluster.apply(wanted, where(OTHER));
    expect(await cluster.observe(wanted.id)).toMatchObject({
      state: "ended",
      cause: "quota",
      detail: "The account's limit of GPUs in this cluster is reached.",
    });
    await cluster.apply(wanted, where(OTHER));
    await cluster.remove(wanted.id);
    expect(await cluster.observe(wanted.id)).toEqual({ state: "absent" });
  });

  test("an image that nobody has ends with that reason", async () => {
    const wanted = spec({ image: "localhost/Nobody:Named:This", gpuUuids: [] });
    await cluster.apply(wanted, where());
    for (let tries = 0; tries < 900; tries++) {
      const seen = await cluster.observe(wanted.id);
      if (seen.state === "ended") return expect(seen.cause).toBe("image-not-found");
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect.unreachable();
  }, 180_000);

  test("a watch rings for what changes", async () => {
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const rung = new Set<ExecutionId>();
    void cluster.watch((id) => rung.add(id), stop.signal);
    const wanted = spec({ gpuUuids: [] });
    await cluster.apply(wanted, where());
    await until(wanted.id, "ready");
    await expect.poll(() => rung, { timeout: 30_000 }).toContain(wanted.id);
    await kube.core.deleteNamespacedPod({ name: podName(wanted.id), namespace: namespaceOf(TENANT) });
    await until(wanted.id, "absent");
  }, 180_000);
});
