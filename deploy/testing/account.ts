// The worker's account as the base makes it, under names of its own, in a real cluster; and its token in a kubeconfig.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { TEST_KUBECONFIG, type TestCluster } from "../../server/testing/kubernetes.ts";
import { type Granting, manifests } from "./rights.ts";

export interface WorkerAccount {
  readonly config: KubeConfig;
  /** path of a kubeconfig that holds its token and nothing else */
  readonly kubeconfig: string;
  close(): Promise<void>;
}

export async function workerAccount({ core }: TestCluster): Promise<WorkerAccount> {
  const unique = `berth-proof-${randomBytes(4).toString("hex")}`;
  const admin = new KubeConfig();
  admin.loadFromFile(TEST_KUBECONFIG);
  const rbac = admin.makeApiClient(RbacAuthorizationV1Api);
  const undo: (() => Promise<unknown>)[] = [];
  const folder = mkdtempSync(join(tmpdir(), "berth-account-"));
  const close = async () => {
    for (const step of undo.toReversed()) await step().catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await core.createNamespace({ body: { metadata: { name: unique } } });
    undo.push(() => core.deleteNamespace({ name: unique }));
    await core.createNamespacedServiceAccount({ namespace: unique, body: { metadata: { name: "berth-worker" } } });
    for (const one of manifests()) undo.push(await make(rbac, one, unique));
    const token = await tokenOf(core, unique);
    const config = new KubeConfig();
    const { server = "", caData = "" } = admin.getCurrentCluster() ?? {};
    config.loadFromClusterAndUser({ name: "test", server, caData, skipTLSVerify: false }, { name: "worker", token });
    const kubeconfig = join(folder, "config");
    writeFileSync(kubeconfig, config.exportConfig(), { mode: 0o600 });
    return { config, kubeconfig, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @returns what takes it away again */
async function make(rbac: RbacAuthorizationV1Api, one: Granting, unique: string): Promise<() => Promise<unknown>> {
  const name = `${unique}-${one.metadata.name}`;
  const namespace = one.metadata.namespace ?? "";
  const metadata = { name, ...(namespace ? { namespace } : {}) };
  const rules = (one.rules ?? []).map(({ resourceNames: names, ...rule }) => ({
    ...rule,
    ...(names ? { resourceNames: names } : {}),
  }));
  const roleRef = {
    apiGroup: "rbac.authorization.k8s.io",
    kind: "",
    ...one.roleRef,
    name: `${unique}-${one.roleRef?.name}`,
  };
  const subjects = (one.subjects ?? []).map((subject) => ({ ...subject, namespace: unique }));
  switch (one.kind) {
    case "ClusterRole":
      await rbac.createClusterRole({ body: { metadata, rules } });
      return () => rbac.deleteClusterRole({ name });
    case "Role":
      await rbac.createNamespacedRole({ namespace, body: { metadata, rules } });
      return () => rbac.deleteNamespacedRole({ namespace, name });
    case "ClusterRoleBinding":
      await rbac.createClusterRoleBinding({ body: { metadata, roleRef, subjects } });
      return () => rbac.deleteClusterRoleBinding({ name });
    case "RoleBinding":
      await rbac.createNamespacedRoleBinding({ namespace, body: { metadata, roleRef, subjects } });
      return () => rbac.deleteNamespacedRoleBinding({ namespace, name });
  }
}

async function tokenOf(core: TestCluster["core"], namespace: string): Promise<string> {
  const name = "worker-token";
  const annotations = { "kubernetes.io/service-account.name": "berth-worker" };
  const body = { metadata: { name, annotations }, type: "kubernetes.io/service-account-token" };
  await core.createNamespacedSecret({ namespace, body });
  for (let tries = 0; tries < 100; tries++) {
    const { data } = await core.readNamespacedSecret({ namespace, name });
    if (data?.token) return Buffer.from(data.token, "base64").toString();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the cluster wrote no token");
}
