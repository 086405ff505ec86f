// What the cluster is asked to make, and to take back, for tenants and their executions: each may be done twice.
import type { V1DeleteOptions, V1NetworkPolicy, V1Pod, V1ResourceQuota, V1Service } from "@kubernetes/client-node";
import type { Log } from "../../../../deps.ts";
import { type Api, codeOf, MERGE, orNull, patiently } from "../api.ts";
import {
  type ClusterRules,
  envSecret,
  INSIDE_ROLE,
  insideBinding,
  namespace,
  type PodSpec,
  pod,
  pullSecret,
  quota,
  service,
  sshSecret,
} from "./manifests.ts";
import { namespaceOf, podName } from "./names.ts";
import { networkPolicy, noNetworkPolicy } from "./policies.ts";
import { lacksImage, PodObject, refusalOf, ServiceObject } from "./read.ts";

const STOP_SECONDS = 5;
/** A fresh namespace has no service account for a moment. */
const NO_ACCOUNT_YET = /service ?account .*not found|error looking up service account/i;
const OVER_QUOTA = /exceeded quota/i;
const OF_GPUS = /nvidia\.com\/gpu/;
/** Said for good, by the cluster's own rules: no second try helps. What lacks a right, or a namespace, is not of these. */
const AGAINST_RULES = /denied the request|violates PodSecurity|(maximum|minimum) .+ usage per|failed quota/i;
export const OVER_LIMIT = "The account's limit of GPUs in this cluster is reached.";
const MOST_REFUSAL = 500;
const FORBIDDEN = 403;
const INVALID = 422;
/** Two pods at once are counted by one quota: one of them is told to come again. */
const CONFLICT = 409;
const ACCOUNT_TRIES = 40;
const ACCOUNT_PAUSE_MS = 100;

/** Everything a tenant has before its first pod; what is there stays as it is, and rules that changed are written. */
export async function ensureTenant(api: Api, tenant: string, rules: ClusterRules): Promise<void> {
  const space = namespace(tenant, rules);
  const name = space.metadata?.name ?? "";
  await unlessThere(() => api.core.createNamespace({ body: space }));
  await Promise.all([
    ensureQuota(api, name, quota(tenant, rules)),
    ensurePolicy(api, name, networkPolicy(tenant, rules)),
    ensurePolicy(api, name, noNetworkPolicy(tenant, rules)),
  ]);
}

async function ensureQuota(api: Api, namespace: string, body: V1ResourceQuota): Promise<void> {
  if (await unlessThere(() => api.core.createNamespacedResourceQuota({ namespace, body }))) return;
  const at = { namespace, name: body.metadata?.name ?? "" };
  await patiently(() => api.core.patchNamespacedResourceQuota({ ...at, body: { spec: body.spec } }, MERGE));
}

async function ensurePolicy(api: Api, namespace: string, body: V1NetworkPolicy): Promise<void> {
  if (await unlessThere(() => api.networking.createNamespacedNetworkPolicy({ namespace, body }))) return;
  const at = { namespace, name: body.metadata?.name ?? "" };
  await patiently(() => api.networking.patchNamespacedNetworkPolicy({ ...at, body: { spec: body.spec } }, MERGE));
}

/** Binds the web in a tenant's namespace. @returns false where it could not: a rental without terminals is still one */
export async function letIn(api: Api, tenant: string, options: ClusterRules & { readonly log: Log }): Promise<boolean> {
  const body = insideBinding(tenant, options);
  if (!body) return true;
  const at = { namespace: namespaceOf(tenant), name: INSIDE_ROLE };
  try {
    if (!(await unlessThere(() => api.rbac.createNamespacedRoleBinding({ namespace: at.namespace, body }))))
      await patiently(() => api.rbac.patchNamespacedRoleBinding({ ...at, body: { subjects: body.subjects } }, MERGE));
    return true;
  } catch (error) {
    options.log.warn({ err: error, tenant }, "the account of the web could not be let into a tenant's namespace");
    return false;
  }
}

/** Service, secrets, pod, in this order: the pod is told its port, and starts with its keys. */
export async function ensureExecution(api: Api, spec: PodSpec, rules: ClusterRules, refusedKey: string): Promise<void> {
  const door = service(spec, rules);
  const at = { namespace: door.metadata?.namespace ?? "", name: podName(spec.id) };
  const made = await ensureService(api, at, door);
  const { metadata, spec: shape } = ServiceObject.parse(made);
  if (metadata.annotations?.[refusedKey]) return; // a refusal stands until this execution is removed
  const port = shape?.ports?.[0]?.nodePort;
  if (!port) throw new Error(`the service ${at.name} has no node port`);
  // Whoever takes the service away takes them away too, even if it is killed before it comes to that.
  const owner = { apiVersion: "v1", kind: "Service", name: at.name, uid: made.metadata?.uid ?? "" };
  const secrets = [sshSecret(spec, rules), envSecret(spec, rules, port), pullSecret(spec, rules)];
  await Promise.all(
    secrets.map(async (secret) => {
      if (!secret) return;
      const body = { ...secret, metadata: { ...secret.metadata, ownerReferences: [owner] } };
      await unlessThere(() => api.core.createNamespacedSecret({ namespace: at.namespace, body }));
    }),
  );
  const refusal = await createPod(api, pod(spec, rules));
  if (refusal === null) return;
  const body = { metadata: { annotations: { [refusedKey]: refusal } } };
  await patiently(() => api.core.patchNamespacedService({ ...at, body }, MERGE));
}

/** Made first and asked for only where it was there already: mostly it was not. */
async function ensureService(api: Api, at: { name: string; namespace: string }, body: V1Service) {
  try {
    return await patiently(() => api.core.createNamespacedService({ namespace: at.namespace, body }));
  } catch (error) {
    if (!isThere(error)) throw error;
    return patiently(() => api.core.readNamespacedService(at));
  }
}

/**
 * Gives back the service of what has run, at the port that it had; at another where that was taken since.
 * @param port as customers were told
 */
export async function mendDoor(api: Api, spec: PodSpec, rules: ClusterRules, port: number): Promise<void> {
  const at = { namespace: namespaceOf(spec.tenant), name: podName(spec.id) };
  if (await orNull(() => api.core.readNamespacedService(at))) return;
  try {
    await ensureService(api, at, service(spec, rules, port));
  } catch (error) {
    if (codeOf(error) !== INVALID) throw error;
    await ensureService(api, at, service(spec, rules));
  }
}

/** The service goes last: as long as it is there, somebody sees that there is something to take back. */
export async function removeFrom(api: Api, namespace: string, name: string): Promise<void> {
  const named = { name, namespace };
  const [service] = await Promise.all([
    orNull(() => api.core.readNamespacedService(named)),
    sendAway(api, named, STOP_SECONDS),
  ]);
  if (!service) return;
  await Promise.all(
    ["ssh", "env", "pull"].map((part) =>
      orNull(() => api.core.deleteNamespacedSecret({ namespace, name: `${name}-${part}` })),
    ),
  );
  await orNull(() => api.core.deleteNamespacedService(named));
}

/**
 * A pod whose image did not come goes at once, for nothing of it runs: a kubelet of 1.20 keeps the room of one that never ran
 * for up to a minute, longer than the next one waits for a place. Only as it was read: one whose image came meanwhile is
 * stopped as any other.
 */
export async function sendAway(api: Api, at: { name: string; namespace: string }, stopSeconds: number): Promise<void> {
  const goes = (body: V1DeleteOptions) => orNull(() => api.core.deleteNamespacedPod({ ...at, body }));
  const found = await orNull(() => api.core.readNamespacedPod(at));
  if (!found) return;
  const { uid = "", resourceVersion = "" } = found.metadata ?? {};
  if (lacksImage(PodObject.parse(found)))
    try {
      await goes({ gracePeriodSeconds: 0, preconditions: { uid, resourceVersion } });
      return;
    } catch (error) {
      if (codeOf(error) !== CONFLICT) throw error;
    }
  await goes({ gracePeriodSeconds: stopSeconds });
}

/** @returns why the cluster will not have it; null where it is there */
export async function createPod(api: Api, body: V1Pod): Promise<string | null> {
  const namespace = body.metadata?.namespace ?? "";
  for (let tries = 1; ; tries++) {
    try {
      await unlessThere(() => api.core.createNamespacedPod({ namespace, body }));
      return null;
    } catch (error) {
      const said = error instanceof Error ? error.message : "";
      if (OVER_QUOTA.test(said) && OF_GPUS.test(said)) return OVER_LIMIT;
      if (codeOf(error) === INVALID || OVER_QUOTA.test(said) || AGAINST_RULES.test(said))
        return (refusalOf(error) ?? said).slice(0, MOST_REFUSAL);
      const passes = codeOf(error) === CONFLICT || (codeOf(error) === FORBIDDEN && NO_ACCOUNT_YET.test(said));
      if (!passes || tries >= ACCOUNT_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, ACCOUNT_PAUSE_MS));
    }
  }
}

/** @returns false where it was there already */
export async function unlessThere(create: () => Promise<unknown>): Promise<boolean> {
  try {
    await patiently(create);
    return true;
  } catch (error) {
    if (isThere(error)) return false;
    throw error;
  }
}

function isThere(error: unknown): boolean {
  return codeOf(error) === 409 && /AlreadyExists|already exists/i.test(String(error));
}
