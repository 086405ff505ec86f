// The periodic catch-up: what is due is rung, what no row knows is removed.
import type { ExecutionId } from "../../../domain/ids.ts";
import type { Cluster, Deps } from "../../deps.ts";
import { appliedOnNodes, claimDue, liveAmong, runningAmong, wakeUnsettled } from "../../repos/executions.ts";

const CLAIM_AT_ONCE = 500;

/** Rings what is due. @returns how many */
export async function sweepDueExecutions({ db, clock, queue }: Pick<Deps, "db" | "clock" | "queue">): Promise<number> {
  const due = await claimDue(db, clock.now(), CLAIM_AT_ONCE);
  await Promise.all(due.map((id) => queue.ring("execution.reconcile", { id })));
  return due.length;
}

/**
 * Removes what clusters hold and no live row wants, rings for rows whose pods are gone, and wakes what rests without its end.
 * @returns corrections of each kind, orphans by where they were: what rings and watches missed
 */
export async function sweepOrphans(deps: Pick<Deps, "db" | "clock" | "queue" | "cluster" | "pods" | "log">) {
  const orphans = { agents: 0, pods: 0 };
  let missing = 0;
  for (const kind of ["agents", "pods"] as const) {
    const cluster = kind === "agents" ? deps.cluster : deps.pods;
    if (!cluster) continue;
    try {
      // Read before the cluster is: what is applied in between is in neither.
      const applied = kind === "pods" ? await appliedOnNodes(deps.db) : [];
      const all = (await cluster.list()).filter(({ observed }) => observed.state !== "absent");
      orphans[kind] += await removeOrphans(deps, cluster, all);
      missing += await ringMissing(deps, applied, all);
    } catch (error) {
      deps.log.warn({ err: error }, "a cluster could not be swept; the next sweep tries again");
    }
  }
  return { orphans, missing, unsettled: await wakeUnsettled(deps.db, deps.clock.now()) };
}

type Held = Awaited<ReturnType<Cluster["list"]>>;

/** A pod that went while nobody watched tells nobody; its row would be looked at with its next booking. */
async function ringMissing(
  { queue }: Pick<Deps, "queue">,
  applied: readonly ExecutionId[],
  all: Held,
): Promise<number> {
  const held = new Set(all.map(({ id }) => id));
  const missing = applied.filter((id) => !held.has(id));
  await Promise.all(missing.map((id) => queue.ring("execution.reconcile", { id })));
  return missing.length;
}

async function removeOrphans({ db, queue }: Pick<Deps, "db" | "queue">, cluster: Cluster, all: Held): Promise<number> {
  const held = all.map(({ id }) => id);
  const live = await liveAmong(db, held);
  // What runs by its row and does not look like it: its next look may be ten minutes away.
  const changed = all.filter(({ id, observed }) => live.has(id) && observed.state !== "ready").map(({ id }) => id);
  for (const id of await runningAmong(db, changed)) await queue.ring("execution.reconcile", { id });
  const orphans = held.filter((id) => !live.has(id));
  for (const id of orphans) await cluster.remove(id);
  return orphans.length;
}
