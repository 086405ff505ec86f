// The periodic catch-up: what is due is rung, what no row knows is removed.
import type { Cluster, Deps } from "../../deps.ts";
import { claimDue, liveAmong, wakeUnsettled } from "../../repos/executions.ts";

const CLAIM_AT_ONCE = 500;

/** Rings what is due. @returns how many */
export async function sweepDueExecutions({ db, clock, queue }: Pick<Deps, "db" | "clock" | "queue">): Promise<number> {
  const due = await claimDue(db, clock.now(), CLAIM_AT_ONCE);
  await Promise.all(due.map((id) => queue.ring("execution.reconcile", { id })));
  return due.length;
}

/**
 * Removes what clusters hold and no live row wants, and wakes what rests without its end.
 * @returns corrections of each kind: what rings and watches missed
 */
export async function sweepOrphans(deps: Pick<Deps, "db" | "clock" | "cluster" | "pods" | "log">) {
  let orphans = 0;
  for (const cluster of [deps.cluster, deps.pods]) {
    try {
      if (cluster) orphans += await removeOrphans(deps, cluster);
    } catch (error) {
      deps.log.warn({ err: error }, "a cluster could not be swept; the next sweep tries again");
    }
  }
  return { orphans, unsettled: await wakeUnsettled(deps.db, deps.clock.now()) };
}

async function removeOrphans({ db }: Pick<Deps, "db">, cluster: Cluster): Promise<number> {
  const held = (await cluster.list()).filter(({ observed }) => observed.state !== "absent").map(({ id }) => id);
  const live = await liveAmong(db, held);
  const orphans = held.filter((id) => !live.has(id));
  for (const id of orphans) await cluster.remove(id);
  return orphans.length;
}
