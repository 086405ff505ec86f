// Executions of batch jobs as pods of a real cluster, by the port alone.
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { BatchSpec, RegistryLogin } from "../../../../../domain/execution/spec.ts";
import { formatId } from "../../../../../domain/ids.ts";
import type { BatchPods, HeldBatch } from "../../../../deps.ts";
import { TEST_KUBECONFIG, type TestCluster, testCluster } from "../../../../testing/kubernetes.ts";
import { privateRegistry } from "../../../../testing/registry.ts";
import { openApi, openConfig } from "../api.ts";
import { createPod } from "../pods/ensure.ts";
import { kubernetesCluster } from "../pods/kubernetes-cluster.ts";
import { namespaceOf, podName } from "../pods/names.ts";
import { kubernetesBatchPods } from "./batch-pods.ts";
import { batchPod, COLLECTOR } from "./manifests.ts";

const TENANT = `0x${randomBytes(20).toString("hex")}`;
/** Of this run alone: a sweep takes away whatever carries its prefix and no row of its own knows. */
const PREFIX = `${randomBytes(4).toString("hex")}.berth.test`;
const OPTIONS = {
  ...{ kubeconfig: TEST_KUBECONFIG, labelPrefix: PREFIX, tenantMaxGpus: 2, ownCidrs: [], runtimeClass: null },
  clock: { now: () => new Date() },
  log: { info: () => {}, warn: () => {}, error: () => {} },
};
const PATIENCE_MS = 120_000;
let kube: TestCluster;
let pods: BatchPods;
let nodeName: string;

function spec(over: Partial<BatchSpec>): BatchSpec {
  return {
    ...{ id: formatId("exec", Date.now(), randomBytes(10)), jobId: formatId("job", Date.now(), randomBytes(10)) },
    ...{ providerId: formatId("prov", 1, randomBytes(10)), kind: "batch", image: "localhost/debian:12" },
    ...{
      command: ["true"],
      inputData: "",
      files: [],
      network: false,
      registryLogin: null,
      cpuCores: 1,
      memoryMb: 64,
      diskGb: 1,
    },
    ...{ gpuUuids: [], env: {}, timeoutSeconds: 60, deadline: new Date(Date.now() + 600_000).toISOString() },
    ...over,
  };
}

const heldOf = async (id: BatchSpec["id"]) => (await pods.list()).find((one) => one.id === id);

async function until<T>(ask: () => Promise<T | undefined | null | false>): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    const seen = await ask();
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("it never came to it");
}

const untilState = (id: BatchSpec["id"], state: HeldBatch["state"]) =>
  until(async () => {
    const held = await heldOf(id);
    return held?.state === state && held;
  });

/** Runs one to its end. */
async function ran(over: Partial<BatchSpec>, registryLogin: RegistryLogin | null = null) {
  const wanted = spec({ ...over, registryLogin });
  await pods.apply(wanted, { tenant: TENANT, nodeName });
  const run = await until(async () => {
    const held = await heldOf(wanted.id);
    return held?.state === "ended" && pods.collect(held, wanted);
  });
  await pods.remove({ id: wanted.id, tenant: TENANT });
  const { stdout, stderr, ...rest } = run;
  return { ...rest, out: Buffer.from(stdout).toString(), err: Buffer.from(stderr).toString() };
}
const sh = (script: string) => ({ command: ["sh", "-c", script] });

describe.skipIf(TEST_KUBECONFIG === "")("executions of batch jobs as pods of a real cluster", () => {
  beforeAll(async () => {
    kube = testCluster();
    const { items } = await kube.core.listNode();
    nodeName = items.find(({ spec: one }) => !one?.unschedulable)?.metadata?.name ?? "";
    pods = kubernetesBatchPods(OPTIONS);
  });
  // What a test that failed leaves would take the room of its second try.
  afterEach(async () => {
    const left = (await pods.list()).filter(({ state }) => state !== "leaving");
    await Promise.all(left.map((held) => pods.remove(held)));
    for (const { id } of left) await until(async () => (await heldOf(id)) === undefined);
  }, 130_000);
  afterAll(async () => {
    for (const held of await pods.list()) await pods.remove(held);
    await kube.core.deleteNamespace({ name: namespaceOf(TENANT) }).catch(() => {});
    await kube.close();
  });

  test("what is applied, twice too, runs once, is told with all its streams, and goes with its secrets", async () => {
    const wanted = spec({
      ...sh('cat; echo "$GREETING" "$0" "$1"; echo to people >&2; env | grep -c KUBERNETES'),
      inputData: "from stdin\n",
      env: { GREETING: "a $(HOME) $$ ohoy", LD_PRELOAD: "/evil.so" },
    });
    const where = { tenant: TENANT, nodeName };
    const odd = { ...wanted, command: [...wanted.command, "$(GREETING)", "$$x y"] };
    await Promise.all([pods.apply(odd, where), pods.apply(odd, where)]);
    await pods.apply(odd, where);
    const held = await untilState(wanted.id, "ended");
    const run = await until(() => pods.collect(held, wanted));
    expect(Buffer.from(run.stdout).toString()).toBe("from stdin\na $(HOME) $$ ohoy $(GREETING) $$x y\n0\n");
    expect(Buffer.from(run.stderr).toString()).toBe("to people\n");
    expect(run).toMatchObject({ end: "exit-code", exitCode: 1 });
    await pods.remove(held);
    await pods.remove(held);
    await until(async () => (await heldOf(wanted.id)) === undefined);
    const left = await kube.core.listNamespacedSecret({
      namespace: namespaceOf(TENANT),
      labelSelector: "app.kubernetes.io/managed-by=berth",
    });
    expect(left.items).toEqual([]);
  }, 180_000);

  test("what ends well is whole: stdout, files and folders, and how long it ran", async () => {
    const run = await ran({
      ...sh(
        "sleep 2; mkdir -p out/deep; printf 'a\\0b' >out/deep/bytes; echo one >'out/o n\ne'; echo top >top; echo done",
      ),
      files: ["top", "out"],
    });
    expect(run).toMatchObject({ end: null, detail: "", exitCode: 0, out: "done\n", err: "" });
    expect(run.runMs).toBeGreaterThan(1900);
    expect(run.runMs).toBeLessThan(4500);
    expect(run.files.map(({ path, content }) => [path, Buffer.from(content).toString()]).toSorted()).toEqual([
      ["out/deep/bytes", "a\0b"],
      ["out/o n\ne", "one\n"],
      ["top", "top\n"],
    ]);
  }, 180_000);

  test.each([
    ["an exit code", { ...sh("echo before; exit 7") }, { end: "exit-code", exitCode: 7, out: "before\n" }],
    ["a program that is not there", { command: ["no-such-program"] }, { end: "exit-code", exitCode: 127 }],
    ["its timeout", { ...sh("echo so far; sleep 60"), timeoutSeconds: 2 }, { end: "timed-out", out: "so far\n" }],
    ["its memory", { ...sh("tail /dev/zero") }, { end: "out-of-memory" }],
    ["the exit code of a kill", { ...sh("echo a; exit 137") }, { end: "exit-code", exitCode: 137, out: "a\n" }],
    ["a kill by its own hand", { ...sh("kill -9 $$") }, { end: "exit-code", exitCode: 137 }],
    ["a NUL", { ...sh("printf 'a\\0b'") }, { end: "not-text", out: "" }],
    ["a file that is not there", { ...sh("true"), files: ["gone"] }, { end: "missing-file" }],
    ["a file that is a link", { ...sh("ln -s /etc/passwd it"), files: ["it"] }, { end: "missing-file" }],
    ["a way over a link", { ...sh("ln -s /etc it"), files: ["it/passwd"] }, { end: "missing-file" }],
    ["too much on stdout", { ...sh("head -c 1048577 /dev/zero | tr '\\0' x") }, { end: "too-large" }],
    ["too large a file", { ...sh("head -c 1048576 /dev/zero >big; echo x"), files: ["big"] }, { end: "too-large" }],
  ] as const)(
    "%s is told as what it is",
    async (_, over, end) => {
      expect(await ran(over)).toMatchObject(end);
    },
    180_000,
  );

  test("an image that does not exist ends with that reason, and never began", async () => {
    const run = await ran({ image: "localhost/Nobody:Named:This" });
    expect(run).toMatchObject({ end: "image-not-found", startedAt: null, runMs: 0 });
  }, 180_000);

  test("what never began leaves its room at once, and the next one has it", async () => {
    const { cpu } = (await kube.core.readNode({ name: nodeName })).status?.allocatable ?? {};
    const image = "localhost/Nobody:Named:This";
    await Promise.all(Array.from({ length: Number(cpu) }, () => ran({ image })));
    const began = performance.now();
    expect(await ran({ cpuCores: Number(cpu) })).toMatchObject({ end: null });
    expect(performance.now() - began).toBeLessThan(20_000); // it is not waited for longer than half a minute
  }, 180_000);

  test("a private image is pulled with the account's login alone; one without a shell cannot run here", async () => {
    const registry = await privateRegistry("me", "right");
    onTestFinished(() => registry[Symbol.asyncDispose]());
    expect(await ran({ image: registry.image })).toMatchObject({ end: "image-denied", startedAt: null });
    expect(registry.pulls()).toBe(0);
    const login = { registry: registry.registry, username: "me", password: "right" };
    expect(await ran({ image: registry.image }, login)).toMatchObject({ end: "cannot-run", startedAt: null });
    expect(registry.pulls()).toBeGreaterThan(0);
  }, 180_000);

  test("a login that comes seconds after its pod is waited for, and then pulled with", async () => {
    const registry = await privateRegistry("me", "right");
    onTestFinished(() => registry[Symbol.asyncDispose]());
    const login = { registry: registry.registry, username: "me", password: "right" };
    const wanted = spec({ image: registry.image, registryLogin: login });
    const where = { tenant: TENANT, nodeName };
    await ran({}); // its tenant has a namespace from here on
    expect(await createPod(openApi(openConfig(TEST_KUBECONFIG)), batchPod(wanted, where, OPTIONS))).toBeNull();
    for (const end = Date.now() + 4_000; Date.now() < end; ) {
      expect(await heldOf(wanted.id)).toMatchObject({ state: "starting" });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await pods.apply(wanted, where);
    const run = await until(async () => pods.collect({ id: wanted.id, tenant: TENANT }, wanted));
    expect(run).toMatchObject({ end: "cannot-run" });
    expect(registry.pulls()).toBeGreaterThan(0);
    await pods.remove({ id: wanted.id, tenant: TENANT });
  }, 180_000);

  test("what its image's tools told wrongly is waited for a moment, in case its log comes late, and then told as lost", async () => {
    let skippedMs = 0;
    const own = kubernetesBatchPods({ ...OPTIONS, elapsedMs: () => skippedMs });
    const wanted = spec({});
    const where = { tenant: TENANT, nodeName };
    await ran({}); // its tenant has a namespace from here on
    const body = batchPod(wanted, where, OPTIONS);
    for (const one of body.spec?.containers ?? []) if (one.name === COLLECTOR) one.command = ["echo", "nonsense"];
    await createPod(openApi(openConfig(TEST_KUBECONFIG)), body);
    await own.apply(wanted, where);
    const held = await untilState(wanted.id, "ended");
    const looks = async () => [await own.list(), await own.collect(held, wanted)].at(1);
    expect(await looks()).toBeNull();
    skippedMs = 9_999;
    expect(await looks()).toBeNull();
    skippedMs = 10_000;
    expect(await looks()).toMatchObject({ end: "missing-file" });
    await own.remove(held);
  }, 180_000);

  test("has no token, no right and no network of its own, and rentals do not see it", async () => {
    const wanted = spec({ command: ["sleep", "100"] });
    await pods.apply(wanted, { tenant: TENANT, nodeName });
    const held = await untilState(wanted.id, "running");
    expect(held.startedAt).not.toBeNull();
    const at = { name: podName(wanted.id), namespace: namespaceOf(TENANT) };
    const pod = await kube.core.readNamespacedPod(at);
    expect(pod.spec?.automountServiceAccountToken).toBe(false);
    expect(pod.metadata?.labels?.[`${PREFIX}/network`]).toBe("none");
    expect(JSON.stringify(pod.spec?.containers.map((one) => one.securityContext?.capabilities?.drop))).toBe(
      '[["ALL"],["ALL"]]',
    );
    expect(await kubernetesCluster(OPTIONS).list()).toEqual([]);
    await pods.remove(held);
    await until(async () => (await heldOf(wanted.id)) === undefined);
  }, 180_000);

  test("what runs in it has no capability and cannot gain any", async () => {
    const { out } = await ran({
      ...sh("grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status | tr -s '\\t\\n' '  '; pwd"),
    });
    expect(out).toBe("CapEff: 0000000000000000 NoNewPrivs: 1 Seccomp: 2 /work\n");
  }, 180_000);

  test("a pod that somebody deletes is seen to go, and then is not there", async () => {
    const wanted = spec({ command: ["sleep", "100"] });
    await pods.apply(wanted, { tenant: TENANT, nodeName });
    await untilState(wanted.id, "running");
    await kube.core.deleteNamespacedPod({ name: podName(wanted.id), namespace: namespaceOf(TENANT) });
    await until(async () => ["leaving", undefined].includes((await heldOf(wanted.id))?.state));
    await until(async () => (await heldOf(wanted.id)) === undefined);
    expect(await pods.collect({ id: wanted.id, tenant: TENANT }, wanted)).toBeNull();
  }, 180_000);

  test("a watch rings for what changes", async () => {
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    let rung = 0;
    const watching = pods.watch(() => rung++, stop.signal);
    await until(async () => rung > 0);
    const before = rung;
    await ran({});
    await until(async () => rung > before);
    stop.abort();
    await watching;
  }, 180_000);
});
