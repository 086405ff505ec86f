// What a worker listens to beside its rings. One worker of all watches the cluster at a time; each is ready to take over.

import type { ExecutionId } from "../domain/ids.ts";
import { fenced } from "../server/adapters/cluster/kubernetes/watch-fence.ts";
import type { Deps } from "../server/deps.ts";
import { watchNodes } from "../server/usecases/node/watch-nodes.ts";

async function watchAll(deps: Deps, signal: AbortSignal): Promise<void> {
  const ring = (id: ExecutionId) => void deps.queue.ring("execution.reconcile", { id });
  const ringBatch = () => void deps.queue.ring("batch.pods", {});
  await Promise.all([
    watchNodes(deps, signal),
    deps.pods?.watch(ring, signal),
    deps.batchPods?.watch(ringBatch, signal),
  ]);
}

/** Starts the watch where there is a cluster. A cluster or a database that is away stops nothing but the watch. */
export function startWatchers(deps: Deps, databaseUrl: string): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { log } = deps;
  const watching = deps.nodes
    ? fenced({ databaseUrl, log }, (signal) => watchAll(deps, signal), stopping.signal)
    : null;
  return {
    async stop() {
      stopping.abort();
      await watching;
    },
  };
}
