// What a worker listens to beside its rings. One worker of all watches the cluster at a time; each is ready to take over.
import { fenced } from "../server/adapters/cluster/kubernetes/watch-fence.ts";
import type { Deps } from "../server/deps.ts";
import { watchNodes } from "../server/usecases/node/watch-nodes.ts";

/** Starts the watch where there is a cluster. A cluster or a database that is away stops nothing but the watch. */
export function startWatchers(deps: Deps, databaseUrl: string): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { log } = deps;
  const watching = deps.nodes
    ? fenced({ databaseUrl, log }, (signal) => watchNodes(deps, signal), stopping.signal)
    : Promise.resolve();
  return {
    async stop() {
      stopping.abort();
      await watching;
    },
  };
}
