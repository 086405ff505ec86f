import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { CoreV1Api, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { SSH_PORT } from "../domain/execution/entry-script.ts";
import { MERGE } from "../server/adapters/cluster/kubernetes/api.ts";
import { kubernetesInside } from "../server/adapters/cluster/kubernetes/inside/kubernetes-inside.ts";
import { kubernetesCluster } from "../server/adapters/cluster/kubernetes/pods/kubernetes-cluster.ts";
import { INSIDE_ROLE } from "../server/adapters/cluster/kubernetes/pods/manifests.ts";
import { namespaceOf } from "../server/adapters/cluster/kubernetes/pods/names.ts";
import type { WatchedCluster } from "../server/deps.ts";
import { TEST_KUBECONFIG, type TestCluster, testCluster } from "../server/testing/kubernetes.ts";
import { type Accounts, type Asked, accounts, allowed } from "./testing/account.ts";
import { onTheNode, workspace } from "./testing/workspace.ts";

const TENANT = `0x${randomBytes(20).toString("hex")}`;
const RBAC = "rbac.authorization.k8s.io";
const troubles: unknown[] = [];
const log = { info: () => {}, warn: (fields: unknown) => void troubles.push(fields), error: () => {} };
/** How far the clock of the worker is ahead. */
let aheadMs = 0;

describe.skipIf(!TEST_KUBECONFIG)("the web's account in a real Kubernetes (needs BERTH_TEST_KUBECONFIG)", () => {
  let cluster: TestCluster;
  let both: Accounts;
  let pods: WatchedCluster;
  beforeAll(async () => {
    cluster = testCluster();
    both = await accounts(cluster);
    pods = kubernetesCluster({
      ...{ kubeconfig: both.worker.kubeconfig, labelPrefix: "web-account.berth.test", tenantMaxGpus: 2, ownCidrs: [] },
      ...{ runtimeClass: null, insideAccount: both.insideAccount, log },
      clock: { now: () => new Date(Date.now() + aheadMs) },
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

  test("the worker lets the web into the namespace of a tenant that rents, and again where somebody took that away", async () => {
    const rbac = both.admin.makeApiClient(RbacAuthorizationV1Api);
    const [at, [space, name]] = [{ namespace: namespaceOf(TENANT), name: INSIDE_ROLE }, both.insideAccount.split("/")];
    const lets = () =>
      rbac.readNamespacedRoleBinding(at).then(
        ({ subjects }) => subjects,
        () => null,
      );
    const web = [{ kind: "ServiceAccount", name, namespace: space }];
    const rental = async () => {
      const one = workspace();
      await pods.apply(one, await onTheNode(cluster, TENANT));
      await pods.remove(one.id);
    };
    aheadMs += 600_001; // in a second try too, whatever the first one took away
    await rental();
    expect(await lets()).toEqual(web);
    await rbac.deleteNamespacedRoleBinding(at);
    aheadMs += 600_001;
    await rental();
    expect(await lets()).toEqual(web);
    const eve = [{ apiGroup: RBAC, kind: "User", name: "eve" }];
    await rbac.patchNamespacedRoleBinding({ ...at, body: { subjects: eve } }, MERGE);
    aheadMs += 600_001;
    await rental();
    expect(await lets()).toEqual(web);
    expect(troubles).toEqual([]);
  }, 60_000);

  test("the web reaches into a rental there: its log, a command, a port", async () => {
    const inside = kubernetesInside({ kubeconfig: both.web.kubeconfig, log });
    const one = workspace();
    await pods.apply(one, await onTheNode(cluster, TENANT));
    try {
      await expect.poll(async () => (await pods.observe(one.id)).state, { timeout: 50_000 }).toBe("ready");
      const at = { id: one.id, tenant: TENANT, endpoint: null, hostKey: "", doorKey: null };
      const { signal } = new AbortController();
      const session = await inside.exec(at, ["echo", "ahoy"], { terminal: null, signal });
      expect(await text(session.output)).toBe("ahoy\n");
      expect(await session.exit).toEqual({ code: 0, signal: null });
      const port = await inside.connect(at, SSH_PORT, signal);
      const [hello] = await once(port, "data");
      expect(String(hello)).toMatch(/^SSH-2\.0-/);
      port.destroy();
      let said = "";
      for await (const part of inside.logs(at, { tailLines: 10, follow: false, signal })) said += part;
      expect(said).toContain("listening");
    } finally {
      await pods.remove(one.id);
    }
  }, 120_000);

  test("the web may do nothing else, there or anywhere: no list, no Secret, no pod of the system or of Berth itself", async () => {
    const may = (verb: string, resource: string, more: Asked) => allowed(both.web.config, verb, resource, more);
    const there = namespaceOf(TENANT);
    for (const subresource of ["exec", "portforward"])
      for (const verb of ["get", "create"])
        expect(await may(verb, "pods", { namespace: there, subresource }), `${verb} pods/${subresource}`).toBe(true);
    for (const verb of ["get", "list", "watch", "create", "update", "patch", "delete"])
      expect(await may(verb, "pods", { namespace: there }), `${verb} pods`).toBe(false);
    const elsewhere = ["kube-system", "berth-system", "default", "kube-public"];
    for (const namespace of elsewhere)
      for (const subresource of [undefined, "exec", "attach", "portforward", "log", "proxy"])
        for (const verb of ["get", "create", "list"])
          expect(
            await may(verb, "pods", { namespace, ...(subresource ? { subresource } : {}) }),
            `${verb} pods/${subresource} in ${namespace}`,
          ).toBe(false);
    for (const namespace of [there, ...elsewhere])
      for (const resource of ["secrets", "configmaps", "services", "serviceaccounts"])
        for (const verb of ["get", "list", "watch", "create", "patch", "delete"])
          expect(await may(verb, resource, { namespace }), `${verb} ${resource} in ${namespace}`).toBe(false);
    for (const [verb, resource, group] of [
      ["get", "nodes", ""],
      ["list", "namespaces", ""],
      ["create", "rolebindings", RBAC],
      ["bind", "clusterroles", RBAC],
    ] as const)
      expect(await may(verb, resource, { group }), `${verb} ${resource}`).toBe(false);
    await expect(
      both.web.config.makeApiClient(CoreV1Api).listNamespacedSecret({ namespace: there }),
    ).rejects.toMatchObject({ code: 403 });
  });
});
