// Executions of batch jobs as pods: made by name, so that twice is once; seen by label; read when they ended; taken back.
import type { BatchRun } from "../../../../../domain/execution/batch-run.ts";
import type { BatchPods, Clock, Log } from "../../../../deps.ts";
import { openApi, openConfig, orNull, patiently } from "../api.ts";
import { createPod, ensureTenant, letIn, sendAway, unlessThere } from "../pods/ensure.ts";
import type { ClusterRules } from "../pods/manifests.ts";
import { executionOf, keysOf, namespaceOf, OURS, podName } from "../pods/names.ts";
import { knownWaits } from "../pods/waits.ts";
import type { Tally } from "../tally.ts";
import { follow } from "../watch.ts";
import { MOST_LOG_BYTES, runOf } from "./frames.ts";
import { batchPod, batchSecret, batchSecretName, COLLECTOR, STOP_SECONDS } from "./manifests.ts";
import { BatchPodObject, type SeenBatch, seenBatch, shortfallOf, UNREADABLE } from "./read.ts";

export interface BatchPodsOptions extends ClusterRules {
  /** path of a kubeconfig; null inside the cluster itself */
  readonly kubeconfig: string | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly tally?: Tally;
  /** what waiting is measured by; the process's own clock where nothing else is given */
  readonly elapsedMs?: () => number;
}

const PAGE = 500;
/** What somebody took out of a tenant's namespace is back with its first execution after this. */
const PREPARED_MS = 600_000;
/** A log may come a moment after the end of who wrote it; what is not whole by then never will be. */
const LOG_WITHIN_MS = 10_000;

/** Reads the kubeconfig at once, the cluster only when asked: one that is away stops nobody. */
export function kubernetesBatchPods(options: BatchPodsOptions): BatchPods {
  const api = openApi(openConfig(options.kubeconfig), options.tally);
  const keys = keysOf(options.labelPrefix);
  const labelSelector = `${OURS},${keys.batch}`;
  /** Until when tenants' namespaces are believed to be as this process saw them last: whole. */
  const prepared = new Map<string, number>();
  const elapsedMs = options.elapsedMs ?? (() => performance.now());
  const waits = knownWaits(elapsedMs);
  /** Of what has ended: its pod waits for nothing more. */
  const logs = knownWaits(elapsedMs);

  async function all(): Promise<BatchPodObject[]> {
    const pods: BatchPodObject[] = [];
    let next: string | undefined;
    do {
      const _continue = next;
      const page = await patiently(() =>
        api.core.listPodForAllNamespaces({ labelSelector, limit: PAGE, ...(_continue ? { _continue } : {}) }),
      );
      pods.push(...page.items.map((one) => BatchPodObject.parse(one)));
      next = page.metadata?._continue || undefined;
    } while (next);
    return pods;
  }

  /** What waits too long has ended. */
  function judged(pod: BatchPodObject): SeenBatch {
    const seen = seenBatch(pod, options.clock.now());
    const id = executionOf(pod.metadata.name);
    const over = id && waits.over(id, seen.state === "starting" ? seen.wait : null);
    if (!over) return seen;
    const short = shortfallOf(over.cause, over.detail);
    return { state: "ended", startedAt: null, finishedAt: null, exitCode: null, short };
  }

  async function readLog(namespace: string, name: string): Promise<string | null> {
    const asked = { namespace, name, container: COLLECTOR, limitBytes: MOST_LOG_BYTES };
    return orNull(() => api.core.readNamespacedPodLog(asked));
  }

  return {
    async apply(spec, where) {
      const { tenant } = where;
      const namespace = namespaceOf(tenant);
      const now = options.clock.now().getTime();
      if (now >= (prepared.get(tenant) ?? 0)) {
        await ensureTenant(api, tenant, options);
        if (await letIn(api, tenant, options)) prepared.set(tenant, now + PREPARED_MS);
      }
      try {
        const name = podName(spec.id);
        const refusal = await createPod(api, batchPod(spec, where, options));
        if (refusal !== null) return refusal;
        // After the pod, which waits for it: what belongs to a pod goes with it, whoever is killed meanwhile.
        const { metadata } = await patiently(() => api.core.readNamespacedPod({ name, namespace }));
        const owner = { apiVersion: "v1", kind: "Pod", name, uid: metadata?.uid ?? "" };
        const secret = batchSecret(spec, tenant, options.labelPrefix);
        const body = { ...secret, metadata: { ...secret.metadata, ownerReferences: [owner] } };
        await unlessThere(() => api.core.createNamespacedSecret({ namespace, body }));
        return null;
      } catch (error) {
        prepared.delete(tenant); // somebody may have taken the namespace away
        throw error;
      }
    },

    async list() {
      const pods = await all();
      const held = pods.flatMap((pod) => {
        const id = executionOf(pod.metadata.name);
        const tenant = pod.metadata.labels?.[keys.tenant];
        if (!id || tenant === undefined) return [];
        const seen = judged(pod);
        const startedAt = "startedAt" in seen ? seen.startedAt : null;
        return [{ id, tenant, startedAt, state: seen.state === "told" ? ("ended" as const) : seen.state }];
      });
      const ids = new Set(held.map(({ id }) => id));
      waits.forgetAllBut(ids);
      logs.forgetAllBut(ids);
      return held;
    },

    async collect({ id, tenant }, spec) {
      const at = { name: podName(id), namespace: namespaceOf(tenant) };
      const found = await orNull(() => api.core.readNamespacedPod(at));
      if (!found) return null;
      const seen = judged(BatchPodObject.parse(found));
      if (seen.state === "ended") return withoutOutput(seen);
      if (seen.state !== "told") return null;
      const log = (await readLog(at.namespace, at.name)) ?? "";
      const run = runOf(log, { ...seen, memoryMb: spec.memoryMb, timeoutSeconds: spec.timeoutSeconds });
      if (run) return run;
      const wait = { on: "output", cause: "exited", detail: UNREADABLE.detail, atMostMs: LOG_WITHIN_MS } as const;
      return logs.over(id, wait) ? withoutOutput({ ...seen, exitCode: null, short: UNREADABLE }) : null;
    },

    async remove({ id, tenant }) {
      const [name, namespace] = [podName(id), namespaceOf(tenant)];
      await Promise.all([
        sendAway(api, { name, namespace }, STOP_SECONDS),
        orNull(() => api.core.deleteNamespacedSecret({ name: batchSecretName(name), namespace })),
      ]);
    },

    async watch(ring, signal) {
      await follow(
        {
          config: api.config,
          tally: options.tally,
          path: "/api/v1/pods",
          query: { labelSelector },
          onTrouble: (error) => options.log.warn({ err: error }, "the watch of batch pods broke; it goes on"),
          async list() {
            const first = await patiently(() => api.core.listPodForAllNamespaces({ labelSelector, limit: 1 }));
            ring();
            return first.metadata?.resourceVersion ?? "";
          },
          onObject: () => ring(),
        },
        signal,
      );
    },
  };
}

/** It has a time where it began; what it used until then is known by its machine alone. */
function withoutOutput({
  startedAt,
  finishedAt,
  exitCode,
  short,
}: Omit<Extract<SeenBatch, { state: "ended" }>, "state">): BatchRun {
  const nothing = new Uint8Array();
  const runMs = startedAt && finishedAt ? Math.max(0, finishedAt.getTime() - startedAt.getTime()) : 0;
  return { ...short, exitCode, runMs, startedAt, stdout: nothing, stderr: nothing, files: [] };
}
