// Executions as pods: applied by name, so that twice is once; seen by label; taken back with all that was made for them.
import type { EndCause, ExecutionSpec, Observed, Placement } from "../../../../../domain/execution/spec.ts";
import type { ExecutionId } from "../../../../../domain/ids.ts";
import type { Clock, Log, WatchedCluster } from "../../../../deps.ts";
import { openApi, openConfig, orNull, patiently } from "../api.ts";
import type { Tally } from "../tally.ts";
import { follow } from "../watch.ts";
import { type Ask, knownDoors } from "./door.ts";
import { ensureExecution, ensureTenant, letIn, mendDoor, OVER_LIMIT, removeFrom } from "./ensure.ts";
import { lastWordsOf } from "./last-words.ts";
import type { ClusterRules, PodSpec } from "./manifests.ts";
import { executionOf, keysOf, namespaceOf, OURS, podName } from "./names.ts";
import { PodObject, podState, type Seen, ServiceObject, silent } from "./read.ts";
import { knownWaits } from "./waits.ts";

export interface KubernetesClusterOptions extends ClusterRules {
  /** path of a kubeconfig; null inside the cluster itself */
  readonly kubeconfig: string | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly tally?: Tally;
  /** what waiting is measured by; the process's own clock where nothing else is given */
  readonly elapsedMs?: () => number;
  /** how a door is asked whether SSH answers */
  readonly ask?: Ask;
}

const PAGE = 500;
/** What somebody took out of a tenant's namespace is back with its first rental after this. */
const PREPARED_MS = 600_000;

/** Reads the kubeconfig at once, the cluster only when asked: one that is away stops nobody. */
export function kubernetesCluster(options: KubernetesClusterOptions): WatchedCluster {
  const api = openApi(openConfig(options.kubeconfig), options.tally);
  const keys = keysOf(options.labelPrefix);
  /** Until when tenants' namespaces are believed to be as this process saw them last: whole. */
  const prepared = new Map<string, number>();
  const doors = knownDoors(options.ask);
  const waits = knownWaits(options.elapsedMs ?? (() => performance.now()));

  async function find(labelSelector: string) {
    const [pods, services] = await Promise.all([
      paged((_continue) => api.core.listPodForAllNamespaces({ labelSelector, limit: PAGE, ...more(_continue) })),
      paged((_continue) => api.core.listServiceForAllNamespaces({ labelSelector, limit: PAGE, ...more(_continue) })),
    ]);
    return { pods: pods.map((one) => PodObject.parse(one)), services: services.map((one) => ServiceObject.parse(one)) };
  }

  /** By name: a search by label makes the API server go through everything there is. */
  async function read(id: ExecutionId, { tenant }: Placement) {
    const at = { name: podName(id), namespace: namespaceOf(tenant) };
    const [pod, service] = await Promise.all([
      orNull(() => api.core.readNamespacedPod(at)),
      orNull(() => api.core.readNamespacedService(at)),
    ]);
    return { pods: pod ? [PodObject.parse(pod)] : [], services: service ? [ServiceObject.parse(service)] : [] };
  }

  /** What is ready answers, and what waits waits no longer than it may. */
  async function judged(id: ExecutionId, view: Seen, service: ServiceObject | null): Promise<Observed> {
    let now = view;
    if (view.state === "absent" && (await leftTheCluster(service)))
      return ended("node-lost", "The machine left the cluster.");
    if (view.state === "ready" && !(await doors.answers(id, view.endpoint)))
      now = silent(`${view.endpoint.host}:${view.endpoint.port} does not answer the broker with SSH.`);
    const over = waits.over(id, now.state === "starting" ? now.wait : null);
    return over ? ended(over.cause, over.detail) : observedIn(now);
  }

  function ended(cause: EndCause, detail: string): Observed {
    return { state: "ended", exitCode: null, cause, detail, endedAt: options.clock.now() };
  }

  /** Pods of a machine that is gone are taken away without a word. */
  async function leftTheCluster(service: ServiceObject | null): Promise<boolean> {
    const name = service?.metadata.annotations?.[keys.node];
    return name !== undefined && (await orNull(() => api.core.readNode({ name }))) === null;
  }

  return {
    async apply(spec, where) {
      const wanted = onNode(spec, where);
      // A pod that is gone stays gone once it ran: an empty one in its place would not be what was rented.
      if (where.sshPort) return mendDoor(api, wanted, options, where.sshPort);
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

    async observe(id, where) {
      const { pods, services } = where ? await read(id, where) : await find(`${keys.execution}=${podName(id)}`);
      return judged(id, seen(pods[0] ?? null, services[0] ?? null, options), services[0] ?? null);
    },

    async remove(id, where) {
      if (where) return removeFrom(api, namespaceOf(where.tenant), podName(id));
      const { pods, services } = await find(`${keys.execution}=${podName(id)}`);
      const namespaces = new Set([...pods, ...services].map(({ metadata }) => metadata.namespace));
      for (const namespace of namespaces) await removeFrom(api, namespace, podName(id));
    },

    async list() {
      const { pods, services } = await find(`${OURS},${keys.execution}`);
      // What is on its way out needs nobody to send it away again.
      const staying = pods.filter(({ metadata }) => !metadata.deletionTimestamp);
      const podOf = new Map(staying.map((one) => [one.metadata.name, one]));
      const serviceOf = new Map(services.map((one) => [one.metadata.name, one]));
      const all = [...new Set([...podOf.keys(), ...serviceOf.keys()])].flatMap((name) => {
        const id = executionOf(name);
        const { pod, service } = { pod: podOf.get(name) ?? null, service: serviceOf.get(name) ?? null };
        // What is left of one without a pod is still ours to take back.
        return id ? [{ id, observed: pod ? observedIn(seen(pod, service, options)) : LEFTOVER }] : [];
      });
      const ids = new Set(all.map(({ id }) => id));
      doors.forgetAllBut(ids);
      waits.forgetAllBut(ids);
      return all;
    },

    lastWords: (id, { tenant }) => lastWordsOf(api.config, id, tenant, options.log),

    async watch(ring, signal) {
      const labelSelector = `${OURS},${keys.execution}`;
      /** Names of pods that were there when last heard of: one that a new list lacks went while nobody watched. */
      const known = new Set<string>();
      const tell = (name: string) => {
        const id = executionOf(name);
        if (id) ring(id);
      };
      await follow(
        {
          config: api.config,
          tally: options.tally,
          path: "/api/v1/pods",
          query: { labelSelector },
          onTrouble: (error) => options.log.warn({ err: error }, "the watch of pods broke; it goes on"),
          async list() {
            const first = await patiently(() => api.core.listPodForAllNamespaces({ labelSelector }));
            const there = first.items.map(({ metadata }) => metadata?.name ?? "");
            for (const name of new Set([...known, ...there])) tell(name);
            known.clear();
            for (const name of there) known.add(name);
            return first.metadata?.resourceVersion ?? "";
          },
          onObject(type, object) {
            const { name } = PodObject.parse(object).metadata;
            if (type === "DELETED") known.delete(name);
            else known.add(name);
            tell(name);
          },
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

function observedIn(seen: Seen): Observed {
  if (seen.state !== "starting") return seen;
  return seen.incomplete ? { state: "starting", incomplete: true } : { state: "starting" };
}

function seen(pod: PodObject | null, service: ServiceObject | null, options: KubernetesClusterOptions): Seen {
  const keys = keysOf(options.labelPrefix);
  const now = options.clock.now();
  const annotations = service?.metadata.annotations ?? {};
  const refused = annotations[keys.refused];
  if (!pod && refused) {
    const cause = refused === OVER_LIMIT ? "quota" : "start-failed";
    return { state: "ended", exitCode: null, cause, detail: refused, endedAt: now };
  }
  if (!pod) return { state: "absent" };
  const port = service?.spec?.ports?.[0]?.nodePort;
  const host = annotations[keys.host];
  const view = podState(pod, port && host ? { host, port } : null, now);
  return view.state === "starting" && !service && !pod.metadata.deletionTimestamp
    ? { state: "starting", incomplete: true, wait: null }
    : view;
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
