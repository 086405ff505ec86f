import { randomBytes } from "node:crypto";
import { CoreV1Api, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type Marks, marksOf } from "../domain/node/marks.ts";
import { MERGE } from "../server/adapters/cluster/kubernetes/api.ts";
import { kubernetesNodes } from "../server/adapters/cluster/kubernetes/nodes/kubernetes.ts";
import { grants } from "../server/adapters/cluster/kubernetes/nodes/rights.ts";
import { kubernetesCluster } from "../server/adapters/cluster/kubernetes/pods/kubernetes-cluster.ts";
import { INSIDE_ROLE } from "../server/adapters/cluster/kubernetes/pods/manifests.ts";
import { namespaceOf } from "../server/adapters/cluster/kubernetes/pods/names.ts";
import type { Nodes, WatchedCluster } from "../server/deps.ts";
import { TEST_KUBECONFIG, type TestCluster, testCluster } from "../server/testing/kubernetes.ts";
import { type Accounts, type Asked, accounts, allowed } from "./testing/account.ts";
import { onTheNode, workspace } from "./testing/workspace.ts";

const PREFIX = "account.berth.test";
const TENANT = `0x${randomBytes(20).toString("hex")}`;
const RBAC = "rbac.authorization.k8s.io";
const some = (length: number) => randomBytes(length).toString("hex").slice(0, length);
const troubles: unknown[] = [];
const log = { info: () => {}, warn: (fields: unknown) => void troubles.push(fields), error: () => {} };
const marks: Marks = marksOf(
  { providerId: "prov_1", gpuModel: "NVIDIA GeForce RTX 4090", activeJobs: 0, lastHeartbeatAt: new Date(0) },
  "open",
);

describe.skipIf(!TEST_KUBECONFIG)("the worker's account in a real Kubernetes (needs BERTH_TEST_KUBECONFIG)", () => {
  let cluster: TestCluster;
  let both: Accounts;
  let nodes: Nodes;
  let pods: WatchedCluster;
  beforeAll(async () => {
    cluster = testCluster();
    both = await accounts(cluster);
    const { kubeconfig } = both.worker;
    nodes = kubernetesNodes({ kubeconfig, joinEndpoint: null, labelPrefix: PREFIX, log });
    pods = kubernetesCluster({
      ...{ kubeconfig, labelPrefix: PREFIX, tenantMaxGpus: 2, ownCidrs: [], runtimeClass: null, log },
      insideAccount: both.insideAccount,
      clock: { now: () => new Date() },
    });
  });
  beforeEach(() => {
    troubles.length = 0; // those of a first try are not the second one's
  });
  afterAll(async () => {
    await cluster?.core.deleteNamespace({ name: namespaceOf(TENANT) }).catch(() => {});
    await both?.close();
    await cluster?.close();
  });

  test("lets a machine in: tokens, requests, marks, and the watch", async () => {
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const told: string[] = [];
    const watching = nodes.watch((change) => told.push(JSON.stringify(change)), stop.signal);
    const [id, secret, name] = [some(6), some(16), `berth-test-${some(8)}`];
    cluster.remember(id);
    await nodes.prepare();
    await nodes.issueToken(`${id}.${secret}`, name, new Date(Date.now() + 1_800_000));
    await nodes.issueToken(`${id}.${secret}`, name, new Date(Date.now() + 1_800_000));
    const [good, bad] = [`${name}-good`, `${name}-bad`];
    await cluster.ask(`${id}.${secret}`, good, { subject: `/O=system:nodes/CN=system:node:${name}` });
    await cluster.ask(`${id}.${secret}`, bad, { subject: "/O=system:nodes/CN=system:node:another" });
    expect((await nodes.requests(id)).map((one) => one.name).toSorted()).toEqual([bad, good]);
    await nodes.approve(good);
    await nodes.refuse(bad, "another name");
    expect([(await cluster.request(good)).decided, (await cluster.request(bad)).decided]).toEqual([
      "Approved",
      "Denied",
    ]);
    await cluster.register(name);
    const uid = (await nodes.find(name))?.uid ?? "";
    expect(await nodes.mark(name, uid, marks)).toBe(true);
    expect((await nodes.list()).find((node) => node.name === name)?.labels["provider-id"]).toBe("prov_1");
    await nodes.revokeToken(id);
    await expect.poll(() => told.join(), { timeout: 30_000 }).toContain(name);
    stop.abort();
    await watching;
    expect(troubles).toEqual([]);
  });

  test("cannot decide a request to another signer, and leaves it to others instead of failing", async () => {
    const [id, secret, name] = [some(6), some(16), `berth-test-${some(8)}`];
    cluster.remember(id);
    await nodes.prepare();
    await nodes.issueToken(`${id}.${secret}`, name, new Date(Date.now() + 1_800_000));
    await cluster.ask(`${id}.${secret}`, name, {
      subject: "/CN=anybody",
      signer: "kubernetes.io/kube-apiserver-client",
      usages: ["client auth"],
    });
    await nodes.refuse(name, "another signer");
    expect((await cluster.request(name)).decided).toBeNull();
    await expect(nodes.approve(name)).rejects.toMatchObject({ code: 403 });
  });

  test("may write what machines that join are given, again and again, where it is absent or spoilt", async () => {
    const rbac = both.worker.config.makeApiClient(RbacAuthorizationV1Api);
    const made = (error: { code?: number }) => {
      if (error.code !== 409) throw error; // it is there, and it was asked about the rights before
    };
    for (const { name, namespace, subjects, role } of grants(20)) {
      const dryRun = "All";
      const kind = namespace === null || typeof role === "string" ? "ClusterRole" : "Role";
      const binding = {
        metadata: { name },
        roleRef: { apiGroup: RBAC, kind, name: typeof role === "string" ? role : name },
        subjects,
      };
      if (namespace === null) {
        await rbac.createClusterRoleBinding({ body: binding, dryRun }).catch(made);
        await rbac.replaceClusterRoleBinding({ name, body: binding, dryRun });
        if (typeof role === "string") continue;
        const body = { metadata: { name }, rules: role };
        await rbac.createClusterRole({ body, dryRun }).catch(made);
        await rbac.replaceClusterRole({ name, body, dryRun });
      } else if (typeof role !== "string") {
        const body = { metadata: { name, namespace }, rules: role };
        await rbac.createNamespacedRole({ namespace, body, dryRun }).catch(made);
        await rbac.replaceNamespacedRole({ name, namespace, body, dryRun });
        await rbac.createNamespacedRoleBinding({ namespace, body: binding, dryRun }).catch(made);
        await rbac.replaceNamespacedRoleBinding({ name, namespace, body: binding, dryRun });
      }
    }
  });

  test("runs a rental: applied twice, seen, refused beyond the limit, listed, and taken back", async () => {
    const where = await onTheNode(cluster, TENANT);
    const [fits, tooMuch] = [workspace(), workspace(["a", "b", "c"])];
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const rung = new Set<string>();
    const watching = pods.watch((id) => rung.add(id), stop.signal);
    await pods.apply(fits, where);
    await pods.apply(fits, where);
    await pods.apply(tooMuch, where);
    expect(await pods.observe(tooMuch.id)).toMatchObject({ state: "ended", cause: "quota" });
    expect(["starting", "ready"]).toContain((await pods.observe(fits.id)).state);
    expect((await pods.list()).map(({ id }) => id)).toEqual(expect.arrayContaining([fits.id, tooMuch.id]));
    await expect.poll(() => rung, { timeout: 30_000 }).toContain(fits.id);
    for (const { id } of [fits, tooMuch]) await pods.remove(id);
    // A kubelet may take half a minute to forget a pod, and a minute for one that it was still starting.
    await expect.poll(() => pods.observe(fits.id), { timeout: 120_000 }).toEqual({ state: "absent" });
    stop.abort();
    await watching;
    expect(troubles).toEqual([]);
  }, 180_000);

  test("the worker gives nobody more than it has, and binds no role of others", async () => {
    const rbac = both.worker.config.makeApiClient(RbacAuthorizationV1Api);
    const name = `berth-test-${some(8)}`;
    const rules = [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }];
    const dryRun = "All";
    const subjects = [{ kind: "User", name: "eve", apiGroup: RBAC }];
    const admin = { apiGroup: RBAC, kind: "ClusterRole", name: "cluster-admin" };
    const berths = { namespace: "kube-system", name: "berth:join-config" };
    for (const refused of [
      () => rbac.createClusterRole({ body: { metadata: { name }, rules }, dryRun }),
      () =>
        rbac.replaceClusterRole({
          name: "berth:join-nodes",
          body: { metadata: { name: "berth:join-nodes" }, rules },
          dryRun,
        }),
      () => rbac.replaceClusterRole({ name: "view", body: { metadata: { name: "view" }, rules: [] }, dryRun }),
      () => rbac.createClusterRoleBinding({ body: { metadata: { name }, roleRef: admin, subjects }, dryRun }),
      () =>
        rbac.createNamespacedRoleBinding({
          namespace: "kube-system",
          body: { metadata: { name }, roleRef: admin, subjects },
          dryRun,
        }),
      // Not by the right to let the web in either: that is for one role by its name.
      () =>
        rbac.createNamespacedRoleBinding({
          namespace: namespaceOf(TENANT),
          body: { metadata: { name: INSIDE_ROLE }, roleRef: admin, subjects },
          dryRun,
        }),
      () => rbac.patchNamespacedRoleBinding({ ...berths, body: { roleRef: admin }, dryRun }, MERGE),
      () => rbac.replaceClusterRole({ name: INSIDE_ROLE, body: { metadata: { name: INSIDE_ROLE }, rules }, dryRun }),
      () => rbac.patchClusterRole({ name: INSIDE_ROLE, body: { rules }, dryRun }, MERGE),
      () => rbac.createNamespacedRole({ namespace: "kube-system", body: { metadata: { name }, rules }, dryRun }),
      () => rbac.createNamespacedRole({ namespace: "default", body: { metadata: { name }, rules: [] }, dryRun }),
    ])
      await expect(refused()).rejects.toMatchObject({ code: 403 });
  });

  test("the worker reads no secret, enters no pod, touches no node's end, and speaks for nobody else", async () => {
    const core = both.worker.config.makeApiClient(CoreV1Api);
    await expect(core.listNamespacedSecret({ namespace: "kube-system" })).rejects.toMatchObject({ code: 403 });
    const may = (verb: string, resource: string, more: Asked = {}) => allowed(both.worker.config, verb, resource, more);
    expect(await may("create", "pods", { namespace: "default" })).toBe(true); // the question is asked rightly
    for (const namespace of ["kube-system", "kube-public", "default", namespaceOf(TENANT)])
      for (const verb of ["get", "list", "watch", "update", "patch"])
        expect(await may(verb, "secrets", { namespace }), `${verb} secrets in ${namespace}`).toBe(false);
    for (const subresource of ["exec", "attach", "portforward", "proxy", "ephemeralcontainers"])
      for (const verb of ["get", "create", "patch", "update"])
        expect(await may(verb, "pods", { namespace: "default", subresource }), `${verb} pods/${subresource}`).toBe(
          false,
        );
    for (const [verb, resource, more] of [
      ["delete", "nodes", {}],
      ["create", "nodes", {}],
      ["get", "nodes", { subresource: "proxy" }],
      ["patch", "nodes", { subresource: "status" }],
      ["delete", "namespaces", {}],
      ["list", "configmaps", { namespace: "kube-system" }],
      ["create", "serviceaccounts", { namespace: "kube-system", subresource: "token" }],
      ["impersonate", "users", {}],
      ["escalate", "clusterroles", { group: RBAC }],
      ["bind", "clusterroles", { group: RBAC }],
      ["create", "deployments", { namespace: "default", group: "apps" }],
      ["create", "certificatesigningrequests", { group: "certificates.k8s.io" }],
    ] as const)
      expect(await may(verb, resource, more), `${verb} ${resource}`).toBe(false);
  });
});
