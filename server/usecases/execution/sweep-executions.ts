// The periodic catch-up: what is due is rung, what no row knows is removed.
import type { Deps } from "../../deps.ts";
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
export async function sweepOrphans({ db, clock, cluster }: Pick<Deps, "db" | "clock" | "cluster">) {
  const held = (await cluster.list()).filter(({ observed }) => observed.state !== "absent").map(({ id }) => id);
  const live = await liveAmong(db, held);
  const orphans = held.filter((id) => !live.has(id));
  for (const id of orphans) await cluster.remove(id);
  const unsettled = await wakeUnsettled(db, clock.now());
  return { orphans: orphans.length, unsettled };
}
