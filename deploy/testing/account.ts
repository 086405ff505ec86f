// The accounts of web and worker as the base makes them, under names of their own, in a real cluster; and their tokens.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AuthorizationV1Api, KubeConfig, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { INSIDE_ROLE } from "../../server/adapters/cluster/kubernetes/pods/manifests.ts";
import { TEST_KUBECONFIG, type TestCluster } from "../../server/testing/kubernetes.ts";
import { type Granting, manifests } from "./rights.ts";

const ACCOUNTS = ["berth-web", "berth-worker"] as const;

export interface Account {
  readonly config: KubeConfig;
  /** path of a kubeconfig that holds its token and nothing else */
  readonly kubeconfig: string;
}

export interface Accounts {
  readonly worker: Account;
  readonly web: Account;
  /** who may do everything */
  readonly admin: KubeConfig;
  /** INSIDE_ACCOUNT, as the worker is to be told */
  readonly insideAccount: string;
  close(): Promise<void>;
}

export async function accounts({ core }: TestCluster): Promise<Accounts> {
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
  const { server = "", caData = "" } = admin.getCurrentCluster() ?? {};
  const account = async (name: string): Promise<Account> => {
    const token = await tokenOf(core, unique, name);
    const config = new KubeConfig();
    config.loadFromClusterAndUser({ name: "test", server, caData, skipTLSVerify: false }, { name, token });
    const kubeconfig = join(folder, name);
    writeFileSync(kubeconfig, config.exportConfig(), { mode: 0o600 });
    return { config, kubeconfig };
  };
  try {
    await core.createNamespace({ body: { metadata: { name: unique } } });
    undo.push(() => core.deleteNamespace({ name: unique }));
    for (const name of ACCOUNTS)
      await core.createNamespacedServiceAccount({ namespace: unique, body: { metadata: { name } } });
    for (const one of manifests()) undo.push(await make(rbac, one, unique));
    const [web, worker] = [await account("berth-web"), await account("berth-worker")];
    return { web, worker, admin, insideAccount: `${unique}/berth-web`, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export interface Asked {
  readonly namespace?: string;
  readonly group?: string;
  readonly subresource?: string;
}

/** Whether the API server would let this account do that. */
export async function allowed(config: KubeConfig, verb: string, resource: string, more: Asked = {}) {
  const body = { spec: { resourceAttributes: { verb, resource, ...more } } };
  return (await config.makeApiClient(AuthorizationV1Api).createSelfSubjectAccessReview({ body })).status?.allowed;
}

/** @returns what takes it away again */
async function make(rbac: RbacAuthorizationV1Api, one: Granting, unique: string): Promise<() => Promise<unknown>> {
  // The worker binds this one by its name, and so it has that name here.
  const name = one.metadata.name === INSIDE_ROLE ? INSIDE_ROLE : `${unique}-${one.metadata.name}`;
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
      if (name === INSIDE_ROLE && (await isThere(rbac, name))) {
        await rbac.replaceClusterRole({ name, body: { metadata, rules } });
        return async () => {};
      }
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

function isThere(rbac: RbacAuthorizationV1Api, name: string): Promise<boolean> {
  return rbac.readClusterRole({ name }).then(
    () => true,
    () => false,
  );
}

/** As a pod's own: asked of the API for an hour. */
async function tokenOf(core: TestCluster["core"], namespace: string, name: string): Promise<string> {
  const body = { spec: { audiences: [], expirationSeconds: 3600 } };
  const { status } = await core.createNamespacedServiceAccountToken({ namespace, name, body });
  if (!status?.token) throw new Error(`the cluster gave ${name} no token`);
  return status.token;
}
