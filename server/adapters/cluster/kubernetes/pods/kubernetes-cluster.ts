// Executions as pods: applied by name, so that twice is once; seen by label; taken back with all that was made for them.
import type { ExecutionSpec, Observed, Placement } from "../../../../../domain/execution/spec.ts";
import type { Clock, Log, WatchedCluster } from "../../../../deps.ts";
import { type Api, codeOf, MERGE, openApi, openConfig, orNull, patiently } from "../api.ts";
import { follow } from "../watch.ts";
import {
  type ClusterRules,
  envSecret,
  INSIDE_ROLE,
  insideBinding,
  namespace,
  networkPolicy,
  type PodSpec,
  pod,
  pullSecret,
  quota,
  service,
  sshSecret,
} from "./manifests.ts";
import { executionOf, keysOf, namespaceOf, OURS, podName } from "./names.ts";
import { PodObject, podState, ServiceObject } from "./read.ts";

export interface KubernetesClusterOptions extends ClusterRules {
  /** path of a kubeconfig; null inside the cluster itself */
  readonly kubeconfig: string | null;
  readonly clock: Clock;
  readonly log: Log;
}

const PAGE = 500;
/** What somebody took out of a tenant's namespace is back with its first rental after this. */
const PREPARED_MS = 600_000;
const STOP_SECONDS = 5;
/** A fresh namespace has no service account for a moment. */
const NO_ACCOUNT_YET = /service ?account .*not found|error looking up service account/i;
const OVER_QUOTA = /exceeded quota/i;
const ACCOUNT_TRIES = 40;
const ACCOUNT_PAUSE_MS = 100;

/** Reads the kubeconfig at once, the cluster only when asked: one that is away stops nobody. */
export function kubernetesCluster(options: KubernetesClusterOptions): WatchedCluster {
  const api = openApi(openConfig(options.kubeconfig));
  const keys = keysOf(options.labelPrefix);
  /** Until when tenants' namespaces are believed to be as this process saw them last: whole. */
  const prepared = new Map<string, number>();

  async function find(labelSelector: string) {
    const [pods, services] = await Promise.all([
      paged((_continue) => api.core.listPodForAllNamespaces({ labelSelector, limit: PAGE, ...more(_continue) })),
      paged((_continue) => api.core.listServiceForAllNamespaces({ labelSelector, limit: PAGE, ...more(_continue) })),
    ]);
    return { pods: pods.map((one) => PodObject.parse(one)), services: services.map((one) => ServiceObject.parse(one)) };
  }

  return {
    async apply(spec, where) {
      const wanted = onNode(spec, where);
      const now = options.clock.now().getTime();
      if (now >= (prepared.get(wanted.tenant) ?? 0)) {
        await ensureTenant(api, wanted.tenant, options);
        if (await letIn(api, wanted.tenant, options)) prepared.set(wanted.tenant, now + PREPARED_MS);
      }
      try {
        await ensureExecution(api, wanted, options, keys.refused);
      } catch (error) {
        prepared.delete(wanted.tenant); // somebody may have taken the namespace away
        throw error;
      }
    },

    async observe(id) {
      const { pods, services } = await find(`${keys.execution}=${podName(id)}`);
      return seen(pods[0] ?? null, services[0] ?? null, options);
    },

    async remove(id) {
      const labelSelector = `${keys.execution}=${podName(id)}`;
      const { pods, services } = await find(labelSelector);
      const namespaces = new Set([...pods, ...services].map(({ metadata }) => metadata.namespace));
      for (const namespace of namespaces) {
        const named = { name: podName(id), namespace };
        await orNull(() => api.core.deleteNamespacedPod({ ...named, gracePeriodSeconds: STOP_SECONDS }));
        await orNull(() => api.core.deleteNamespacedService(named));
        for (const part of ["ssh", "env", "pull"])
          await orNull(() => api.core.deleteNamespacedSecret({ namespace, name: `${named.name}-${part}` }));
      }
    },

    async list() {
      const { pods, services } = await find(`${OURS},${keys.execution}`);
      // What is on its way out needs nobody to send it away again.
      const staying = pods.filter(({ metadata }) => !metadata.deletionTimestamp);
      const podOf = new Map(staying.map((one) => [one.metadata.name, one]));
      const serviceOf = new Map(services.map((one) => [one.metadata.name, one]));
      return [...new Set([...podOf.keys(), ...serviceOf.keys()])].flatMap((name) => {
        const id = executionOf(name);
        const observed = seen(podOf.get(name) ?? null, serviceOf.get(name) ?? null, options);
        // What is left of one without a pod is still ours to take back.
        return id ? [{ id, observed: observed.state === "absent" ? LEFTOVER : observed }] : [];
      });
    },

    lastWords(_id) {
      throw new Error("UNBUILT");
    },

    async watch(ring, signal) {
      const labelSelector = `${OURS},${keys.execution}`;
      const tell = (name: string) => {
        const id = executionOf(name);
        if (id) ring(id);
      };
      await follow(
        {
          config: api.config,
          path: "/api/v1/pods",
          query: { labelSelector },
          onTrouble: (error) => options.log.warn({ err: error }, "the watch of pods broke; it goes on"),
          async list() {
            const first = await patiently(() => api.core.listPodForAllNamespaces({ labelSelector }));
            for (const { metadata } of first.items) tell(metadata?.name ?? "");
            return first.metadata?.resourceVersion ?? "";
          },
          onObject: (_type, object) => tell(PodObject.parse(object).metadata.name),
        },
        signal,
      );
    },
  };
}

const LEFTOVER: Observed = { state: "starting" };

function onNode(spec: ExecutionSpec, { tenant, nodeName, host }: Placement): PodSpec {
  if (nodeName === null) throw new Error(`${spec.id} was placed on no node`);
  return { ...spec, tenant, nodeName, host };
}

function seen(pod: PodObject | null, service: ServiceObject | null, options: KubernetesClusterOptions): Observed {
  const keys = keysOf(options.labelPrefix);
  const now = options.clock.now();
  const annotations = service?.metadata.annotations ?? {};
  const refused = annotations[keys.refused];
  if (!pod && refused) return { state: "ended", exitCode: null, cause: "quota", detail: refused, endedAt: now };
  if (!pod) return { state: "absent" };
  const port = service?.spec?.ports?.[0]?.nodePort;
  const host = annotations[keys.host];
  return podState(pod, port && host ? { host, port } : null, now);
}

/** Everything a tenant has before its first pod; what is there stays as it is, and rules that changed are written. */
async function ensureTenant(api: Api, tenant: string, rules: ClusterRules): Promise<void> {
  const space = namespace(tenant, rules);
  const name = space.metadata?.name ?? "";
  await unlessThere(() => api.core.createNamespace({ body: space }));
  const [limits, policy] = [quota(tenant, rules), networkPolicy(tenant, rules)];
  if (!(await unlessThere(() => api.core.createNamespacedResourceQuota({ namespace: name, body: limits }))))
    await patiently(() =>
      api.core.patchNamespacedResourceQuota(
        { namespace: name, name: limits.metadata?.name ?? "", body: { spec: limits.spec } },
        MERGE,
      ),
    );
  if (!(await unlessThere(() => api.networking.createNamespacedNetworkPolicy({ namespace: name, body: policy }))))
    await patiently(() =>
      api.networking.patchNamespacedNetworkPolicy(
        { namespace: name, name: policy.metadata?.name ?? "", body: { spec: policy.spec } },
        MERGE,
      ),
    );
}

/** Binds the web in a tenant's namespace. @returns false where it could not: a rental without terminals is still one */
async function letIn(api: Api, tenant: string, options: KubernetesClusterOptions): Promise<boolean> {
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
async function ensureExecution(api: Api, spec: PodSpec, rules: ClusterRules, refusedKey: string): Promise<void> {
  const door = service(spec, rules);
  const at = { namespace: door.metadata?.namespace ?? "", name: podName(spec.id) };
  const known = await orNull(() => api.core.readNamespacedService(at));
  const made =
    known ?? (await patiently(() => api.core.createNamespacedService({ namespace: at.namespace, body: door })));
  const { metadata, spec: shape } = ServiceObject.parse(made);
  if (metadata.annotations?.[refusedKey]) return; // a refusal stands until this execution is removed
  const port = shape?.ports?.[0]?.nodePort;
  if (!port) throw new Error(`the service ${at.name} has no node port`);
  for (const body of [sshSecret(spec, rules), envSecret(spec, rules, port), pullSecret(spec, rules)])
    if (body) await unlessThere(() => api.core.createNamespacedSecret({ namespace: at.namespace, body }));
  const refusal = await createPod(api, spec, rules);
  if (refusal === null) return;
  const body = { metadata: { annotations: { [refusedKey]: refusal } } };
  await patiently(() => api.core.patchNamespacedService({ ...at, body }, MERGE));
}

/** @returns why the cluster will not have it; null where it is there */
async function createPod(api: Api, spec: PodSpec, rules: ClusterRules): Promise<string | null> {
  const body = pod(spec, rules);
  const namespace = body.metadata?.namespace ?? "";
  for (let tries = 1; ; tries++) {
    try {
      await unlessThere(() => api.core.createNamespacedPod({ namespace, body }));
      return null;
    } catch (error) {
      const said = error instanceof Error ? error.message : "";
      if (codeOf(error) !== 403) throw error;
      if (OVER_QUOTA.test(said)) return "The account's limit of GPUs in this cluster is reached.";
      if (!NO_ACCOUNT_YET.test(said) || tries >= ACCOUNT_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, ACCOUNT_PAUSE_MS));
    }
  }
}

/** @returns false where it was there already */
async function unlessThere(create: () => Promise<unknown>): Promise<boolean> {
  try {
    await patiently(create);
    return true;
  } catch (error) {
    if (codeOf(error) === 409 && /AlreadyExists|already exists/i.test(String(error))) return false;
    throw error;
  }
}

function more(_continue: string | undefined) {
  return _continue ? { _continue } : {};
}

async function paged<T>(
  ask: (_continue: string | undefined) => Promise<{ items: T[]; metadata?: { _continue?: string } }>,
): Promise<T[]> {
  const items: T[] = [];
  let next: string | undefined;
  do {
    const page = await patiently(() => ask(next));
    items.push(...page.items);
    next = page.metadata?._continue || undefined;
  } while (next);
  return items;
}
