// What a joining machine may do with its token, and nothing else: ask for a certificate, and read what kubeadm reads.
import type { RbacV1Subject, V1PolicyRule } from "@kubernetes/client-node";
import { JOIN_GROUP } from "../../../../../domain/node/seen.ts";
import { type Api, codeOf, orNull, patiently } from "../api.ts";
import { CLUSTER_INFO } from "./cluster-info.ts";

const RBAC = "rbac.authorization.k8s.io";
const joining: RbacV1Subject = { kind: "Group", name: JOIN_GROUP, apiGroup: RBAC };
const anybody: RbacV1Subject = { kind: "User", name: "system:anonymous", apiGroup: RBAC };

interface Grant {
  readonly name: string;
  /** null: in the whole cluster */
  readonly namespace: string | null;
  readonly subjects: RbacV1Subject[];
  /** a role that every cluster has, or the rules of one of ours */
  readonly role: string | V1PolicyRule[];
}

/** Until then kubeadm named its kubelet configuration after the cluster's version. */
const UNVERSIONED_FROM = 24;

/** @param minor of the cluster's version 1.x */
export function grants(minor: number): readonly Grant[] {
  const versioned = minor < UNVERSIONED_FROM ? [`kubelet-config-1.${minor}`] : [];
  const configs = ["kubeadm-config", "kube-proxy", "kubelet-config", ...versioned];
  return [
    { name: "berth:join-request", namespace: null, subjects: [joining], role: "system:node-bootstrapper" },
    {
      name: "berth:join-nodes", // kubeadm looks whether the name is taken
      namespace: null,
      subjects: [joining],
      role: [{ apiGroups: [""], resources: ["nodes"], verbs: ["get"] }],
    },
    {
      name: "berth:join-config",
      namespace: "kube-system",
      subjects: [joining],
      role: [{ apiGroups: [""], resources: ["configmaps"], resourceNames: configs, verbs: ["get"] }],
    },
    {
      name: "berth:cluster-info",
      namespace: CLUSTER_INFO.namespace,
      subjects: [anybody, joining],
      role: [{ apiGroups: [""], resources: ["configmaps"], resourceNames: [CLUSTER_INFO.name], verbs: ["get"] }],
    },
  ];
}

/** Makes all of it what it should be. */
export async function ensureRights(api: Api): Promise<void> {
  const { minor } = await patiently(() => api.version.getCode());
  for (const grant of grants(Number.parseInt(minor, 10))) await ensureGrant(api, grant);
}

async function ensureGrant(api: Api, { name, namespace, subjects, role }: Grant): Promise<void> {
  const kind = namespace === null || typeof role === "string" ? "ClusterRole" : "Role";
  const roleRef = { apiGroup: RBAC, kind, name: typeof role === "string" ? role : name };
  const binding = { metadata: { name }, roleRef, subjects };
  if (namespace === null) {
    if (typeof role !== "string") {
      const body = { metadata: { name }, rules: role };
      await ensure(
        { there: () => api.rbac.readClusterRole({ name }), same: (there) => sameJson(there.rules, role) },
        () => api.rbac.createClusterRole({ body }),
        () => api.rbac.replaceClusterRole({ name, body }),
      );
    }
    await ensure(
      { there: () => api.rbac.readClusterRoleBinding({ name }), same: (there) => sameJson(there.subjects, subjects) },
      () => api.rbac.createClusterRoleBinding({ body: binding }),
      () => api.rbac.replaceClusterRoleBinding({ name, body: binding }),
    );
    return;
  }
  if (typeof role !== "string") {
    const body = { metadata: { name, namespace }, rules: role };
    await ensure(
      { there: () => api.rbac.readNamespacedRole({ name, namespace }), same: (there) => sameJson(there.rules, role) },
      () => api.rbac.createNamespacedRole({ namespace, body }),
      () => api.rbac.replaceNamespacedRole({ name, namespace, body }),
    );
  }
  await ensure(
    {
      there: () => api.rbac.readNamespacedRoleBinding({ name, namespace }),
      same: (there) => sameJson(there.subjects, subjects),
    },
    () => api.rbac.createNamespacedRoleBinding({ namespace, body: binding }),
    () => api.rbac.replaceNamespacedRoleBinding({ name, namespace, body: binding }),
  );
}

async function ensure<T>(
  { there, same }: { there: () => Promise<T>; same: (there: T) => boolean },
  create: () => Promise<unknown>,
  replace: () => Promise<unknown>,
): Promise<void> {
  const found = await orNull(there);
  if (found !== null) {
    if (!same(found)) await patiently(replace);
    return;
  }
  try {
    await patiently(create);
  } catch (error) {
    if (codeOf(error) !== 409) throw error; // another worker made it a moment ago
  }
}

/** Compares by meaning: the API leaves out what is empty, and its order of keys is its own. */
function sameJson(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(
          Object.entries(part)
            .filter(([, one]) => one !== undefined)
            .sort(([x], [y]) => (x < y ? -1 : 1)),
        )
      : part,
  );
}
