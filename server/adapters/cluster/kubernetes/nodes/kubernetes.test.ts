import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { CertificatesV1Api, CoreV1Api } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Marks, marksOf, stripped } from "../../../../../domain/node/marks.ts";
import type { NodeChange, Nodes } from "../../../../deps.ts";
import { TEST_KUBECONFIG, type TestCluster, testCluster } from "../../../../testing/kubernetes.ts";
import { signatureKey } from "./cluster-info.ts";
import { kubernetesNodes } from "./kubernetes.ts";

const PREFIX = "adapter.berth.test";
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const some = (length: number) => randomBytes(length).toString("hex").slice(0, length);
const inHalfAnHour = () => new Date(Date.now() + 1_800_000);
const MARKS: Marks = marksOf(
  { providerId: "prov_1", gpuModel: "NVIDIA GeForce RTX 4090", activeJobs: 2, lastHeartbeatAt: new Date(0) },
  "open",
);

describe.skipIf(!TEST_KUBECONFIG)("the nodes of a real Kubernetes (needs BERTH_TEST_KUBECONFIG)", () => {
  let cluster: TestCluster;
  let nodes: Nodes;
  beforeAll(() => {
    cluster = testCluster();
    nodes = kubernetesNodes({ kubeconfig: TEST_KUBECONFIG, joinEndpoint: null, labelPrefix: PREFIX, log: quiet });
  });
  afterAll(() => cluster.close());

  async function issued(nodeName = "some-node") {
    const token = `${some(6)}.${some(16)}`;
    cluster.remember(token.slice(0, 6));
    await nodes.prepare();
    await nodes.issueToken(token, nodeName, inHalfAnHour());
    return { token, id: token.slice(0, 6), certificates: cluster.as({ token }).makeApiClient(CertificatesV1Api) };
  }

  test("the CA hash is the one that openssl computes", async () => {
    const { apiServer, caHash } = await nodes.prepare();
    const key = execFileSync("openssl", ["x509", "-pubkey", "-noout"], { input: cluster.caPem });
    const der = execFileSync("openssl", ["rsa", "-pubin", "-outform", "der"], {
      input: key,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const digest = execFileSync("openssl", ["dgst", "-sha256", "-hex"], { input: der })
      .toString()
      .trim()
      .split(" ")
      .pop();
    expect(caHash).toBe(`sha256:${digest}`);
    expect(`https://${apiServer}`).toBe(cluster.server);
  });

  test("cluster-info is published where it is absent, read by anybody, and signed for each token as the cluster would", async () => {
    await cluster.core.deleteNamespacedConfigMap({ namespace: "kube-public", name: "cluster-info" }).catch(() => {});
    const { id } = await issued();
    const anybody = cluster.as({}).makeApiClient(CoreV1Api);
    const { data } = await anybody.readNamespacedConfigMap({ namespace: "kube-public", name: "cluster-info" });
    expect(data?.kubeconfig).toContain(`server: ${cluster.server}`);
    const ours = data?.[signatureKey(id)];
    expect(ours).toMatch(/^[\w-]+\.\.[\w-]+$/);
    // The cluster's own signer signs again what it finds unsigned or signed otherwise.
    const body = { data: { [signatureKey(id)]: "x..y" } };
    await cluster.core.patchNamespacedConfigMap(
      { namespace: "kube-public", name: "cluster-info", body },
      (await import("../api.ts")).MERGE,
    );
    await expect
      .poll(
        async () => {
          const info = await cluster.core.readNamespacedConfigMap({ namespace: "kube-public", name: "cluster-info" });
          return info.data?.[signatureKey(id)];
        },
        { timeout: 15_000 },
      )
      .toBe(ours);
  });

  test("a token authenticates, may ask for a certificate, and may do nothing else", async () => {
    const { token } = await issued();
    const core = cluster.as({ token }).makeApiClient(CoreV1Api);
    await expect(core.readNode({ name: "gpu-node-1" })).resolves.toBeDefined();
    await expect(core.listNamespacedSecret({ namespace: "kube-system" })).rejects.toMatchObject({ code: 403 });
    await expect(core.listNode()).rejects.toMatchObject({ code: 403 });
    await expect(core.createNode({ body: { metadata: { name: "mine" } } })).rejects.toMatchObject({ code: 403 });
    const wrong = cluster.as({ token: `${token.slice(0, 7)}${some(16)}` }).makeApiClient(CoreV1Api);
    await expect(wrong.readNode({ name: "gpu-node-1" })).rejects.toMatchObject({ code: 401 });
  });

  test("nothing in the cluster approves a request of our group by itself", async () => {
    const { token } = await issued();
    const name = `berth-test-${some(8)}`;
    await cluster.ask(token, name, { subject: "/O=system:nodes/CN=system:node:whatever" });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await cluster.request(name)).decided).toBeNull();
  });

  test("a request is read as openssl wrote it, approved once, and its certificate is issued", async () => {
    const { token, id } = await issued();
    const name = `berth-test-${some(8)}`;
    await cluster.ask(token, name, { subject: "/O=system:nodes/CN=system:node:berth-a" });
    const [request] = await nodes.requests(id);
    expect(request).toMatchObject({
      name,
      username: `system:bootstrap:${id}`,
      state: "pending",
      issued: false,
      subject: { commonNames: ["system:node:berth-a"], organisations: ["system:nodes"], extras: [] },
    });
    await nodes.approve(name);
    await nodes.refuse(name, "too late"); // a decision stands
    await expect
      .poll(async () => (await nodes.requests(id))[0], { timeout: 15_000 })
      .toMatchObject({ state: "approved", issued: true });
    expect((await cluster.request(name)).decided).toBe("Approved");
  });

  test("a refused request says why, and its certificate is never issued", async () => {
    const { token, id } = await issued();
    const name = `berth-test-${some(8)}`;
    await cluster.ask(token, name, { subject: "/O=system:masters/CN=admin", alternativeName: "DNS:evil" });
    const [request] = await nodes.requests(id);
    expect(request?.subject).toEqual({
      commonNames: ["admin"],
      organisations: ["system:masters"],
      extras: ["alternative names"],
    });
    await nodes.refuse(name, "another name");
    expect(await cluster.request(name)).toMatchObject({ decided: "Denied", why: "Refused by Berth: another name." });
  });

  test("a token that is issued twice is one, and none after it was revoked twice", async () => {
    const { token, id, certificates } = await issued();
    await nodes.issueToken(token, "some-node", inHalfAnHour());
    await nodes.revokeToken(id);
    await nodes.revokeToken(id);
    const info = await cluster.core.readNamespacedConfigMap({ namespace: "kube-public", name: "cluster-info" });
    expect(info.data?.[signatureKey(id)]).toBeUndefined();
    await expect
      .poll(
        () =>
          certificates.listCertificateSigningRequest().then(
            () => 200,
            (error) => error.code,
          ),
        { timeout: 15_000 },
      )
      .toBe(401);
  });

  test("marks are written and taken off again; what others wrote stays", async () => {
    const name = `berth-test-${some(8)}`;
    await cluster.register(name, { labels: { "other.example/label": "theirs" } });
    const taint = { key: "other.example/taint", value: "theirs", effect: "NoSchedule" };
    await cluster.atRest(name);
    await cluster.patchNode(name, { spec: { taints: [taint] } });
    await cluster.atRest(name);
    const uid = (await nodes.find(name))?.uid ?? "";

    expect(await nodes.mark(name, uid, MARKS)).toBe(true);
    const marked = await cluster.node(name);
    expect(marked.metadata?.labels).toMatchObject({
      "other.example/label": "theirs",
      [`${PREFIX}/rental-type`]: "gpu",
      [`${PREFIX}/provider-id`]: "prov_1",
      [`${PREFIX}/gpu-model`]: "NVIDIA-GeForce-RTX-4090",
      [`${PREFIX}/active-jobs`]: "2",
    });
    expect(marked.metadata?.annotations).toMatchObject({ [`${PREFIX}/last-heartbeat`]: "1970-01-01T00:00:00.000Z" });
    const keys = marked.spec?.taints?.map(({ key }) => key);
    expect(keys).toEqual(expect.arrayContaining(["other.example/taint", `${PREFIX}/rental`]));

    expect(await nodes.mark(name, uid, { ...MARKS, cordon: "draining" })).toBe(true);
    expect((await cluster.atRest(name)).spec?.unschedulable).toBe(true);
    expect(await nodes.mark(name, uid, MARKS)).toBe(true);
    expect((await cluster.atRest(name)).spec?.unschedulable).toBeUndefined();

    expect(await nodes.mark(name, uid, stripped("removed"))).toBe(true);
    const left = await cluster.node(name);
    expect(JSON.stringify(left.metadata?.labels)).not.toContain(PREFIX);
    expect(JSON.stringify(left.metadata?.annotations ?? {})).not.toContain(PREFIX);
    expect(left.metadata?.labels).toMatchObject({ "other.example/label": "theirs" });
    expect(left.spec?.taints?.map(({ key }) => key)).toContain("other.example/taint");
    expect(left.spec?.taints?.map(({ key }) => key)).not.toContain(`${PREFIX}/rental`);
    expect(left.spec?.unschedulable).toBe(true);
  });

  test("a cordon of somebody else outlasts ours", async () => {
    const name = `berth-test-${some(8)}`;
    await cluster.register(name);
    await cluster.patchNode(name, { spec: { unschedulable: true } });
    const uid = (await nodes.find(name))?.uid ?? "";
    await nodes.mark(name, uid, { ...MARKS, cordon: "draining" });
    await nodes.mark(name, uid, MARKS);
    expect((await cluster.node(name)).spec?.unschedulable).toBe(true);
  });

  test("marks meant for one Node never land on another of its name, and twenty writers at once all get through", async () => {
    const name = `berth-test-${some(8)}`;
    await cluster.register(name);
    const uid = (await nodes.find(name))?.uid ?? "";
    expect(await nodes.mark(name, "another", MARKS)).toBe(false);
    expect((await nodes.find(name))?.labels).toEqual({});
    // Together: a writer that fails while the marks are waited for would be nobody's error.
    const [marked] = await Promise.all([
      nodes.mark(name, uid, MARKS),
      ...Array.from({ length: 20 }, (_, n) =>
        cluster.patchNode(name, { metadata: { annotations: { [`other.example/${n}`]: "x" } } }),
      ),
    ]);
    expect(marked).toBe(true);
    const kept = Object.keys((await cluster.node(name)).metadata?.annotations ?? {});
    expect(kept.filter((key) => key.startsWith("other.example/"))).toHaveLength(20);
    expect(kept).toContain(`${PREFIX}/last-heartbeat`);
    await cluster.deleteNode(name);
    expect(await nodes.mark(name, uid, MARKS)).toBe(false);
    expect(await nodes.find(name)).toBeNull();
  });

  test("a node is read with its readiness, its GPUs, and what it lacks", async () => {
    const name = `berth-test-${some(8)}`;
    await cluster.register(name);
    expect(await nodes.find(name)).toMatchObject({ readiness: "notReady", allocatableGpus: null });
    await cluster.status(name, "True", 4);
    expect(await nodes.find(name)).toMatchObject({
      ...{ readiness: "ready", allocatableGpus: 4, allocatableCpu: 16, allocatableMemoryMb: 65_536 },
      kubeletVersion: "v1.20.2",
    });
    await cluster.status(name, "Unknown", 4);
    expect((await nodes.list()).find((node) => node.name === name)).toMatchObject({ readiness: "silent" });
  });

  test("the watch tells of a node that comes, changes and goes, and of requests, but not of the same again", async () => {
    const name = `berth-test-${some(8)}`;
    const told: NodeChange[] = [];
    const stop = new AbortController();
    const watching = nodes.watch((change) => told.push(change), stop.signal);
    const of = () => told.filter((change) => change.kind === "node" && change.name === name).length;
    await expect
      .poll(() => told.filter(({ kind }) => kind === "anything").length, { timeout: 15_000 })
      .toBeGreaterThanOrEqual(2);
    await cluster.register(name);
    await expect.poll(of, { timeout: 10_000 }).toBeGreaterThanOrEqual(1);
    await cluster.status(name, "True", 4);
    await cluster.status(name, "True", 4, new Date());
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = of();
    await cluster.patchNode(name, { metadata: { annotations: { "other.example/noise": "1" } } });
    await cluster.deleteNode(name);
    await expect.poll(of, { timeout: 10_000 }).toBe(before + 1);
    const { token, id } = await issued();
    await cluster.ask(token, `berth-test-${some(8)}`, { subject: "/O=system:nodes/CN=system:node:x" });
    await expect.poll(() => told, { timeout: 10_000 }).toContainEqual({ kind: "request", tokenId: id });
    stop.abort();
    await watching;
  });
});
