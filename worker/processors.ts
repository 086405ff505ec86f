// Which use case answers which ring. No rule lives in this file.
import type { Deps, RingName, Rings } from "../server/deps.ts";
import { dispatchBatch } from "../server/usecases/batch/dispatch-batch.ts";
import { runPods } from "../server/usecases/batch/run-pods.ts";
import { reconcileExecution } from "../server/usecases/execution/reconcile-execution.ts";
import { reconcileNode } from "../server/usecases/node/reconcile-node.ts";

/** Every ring in the catalogue has a line here or the build fails. */
export const processors: { readonly [N in RingName]: (deps: Deps, payload: Rings[N]) => Promise<void> } = {
  "node.reconcile": (deps, { id }) => reconcileNode(deps, id),
  "batch.dispatch": async (deps) => {
    await dispatchBatch(deps);
  },
  "batch.pods": async (deps) => {
    await runPods(deps);
  },
  "execution.reconcile": (deps, { id }) => reconcileExecution(deps, id),
};
