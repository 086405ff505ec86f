// The watch as a doorbell: what changed in the cluster rings the provider it is about. The sweep would find it later.
import type { Deps, NodeChange } from "../../deps.ts";
import { wakeDelayed } from "../../repos/executions.ts";
import { providerOfNode } from "../../repos/nodes.ts";
import { compareNodes } from "./sweep-nodes.ts";

type WatchDeps = Pick<Deps, "db" | "clock" | "queue" | "nodes" | "log">;

/** Watches until the signal fires. It never throws. */
export async function watchNodes(deps: WatchDeps, signal: AbortSignal): Promise<void> {
  const { nodes, log } = deps;
  if (!nodes) return;
  log.info({}, "this worker watches the cluster's nodes");
  await nodes.watch((change) => {
    ringFor(deps, change).catch((error: unknown) =>
      log.warn({ err: error, change: change.kind }, "a change in the cluster rang nobody; the sweep will find it"),
    );
  }, signal);
}

async function ringFor(deps: WatchDeps, change: NodeChange): Promise<void> {
  if (change.kind === "anything") return void (await compareNodes(deps));
  if (change.kind === "back") return void (await wakeDelayed(deps.db, deps.clock.now()));
  const by = change.kind === "node" ? { nodeName: change.name } : { tokenId: change.tokenId };
  const id = await providerOfNode(deps.db, by);
  if (id) await deps.queue.ring("node.reconcile", { id });
}
