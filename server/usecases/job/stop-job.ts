// The wish to stop. Stopping twice is stopping once; what has ended stays as it ended.
import type { Principal } from "../../../domain/account/principal.ts";
import { isLive } from "../../../domain/execution/state.ts";
import type { JobId } from "../../../domain/ids.ts";
import type { JobView } from "../../../protocol/job-views.ts";
import type { Deps } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { writeDesire } from "../../repos/executions.ts";
import { lockJob } from "../../repos/jobs.ts";
import { getJob, noSuchJob } from "./get-job.ts";

export async function stopJob(
  deps: Pick<Deps, "db" | "clock" | "queue">,
  owner: Principal,
  id: JobId,
): Promise<JobView> {
  const now = deps.clock.now();
  const rung = await deps.db.transaction(async (tx) => {
    const row = await lockJob(tx, owner.account, id);
    if (!row) throw noSuchJob();
    const { execution, job } = row;
    const open = isLive(execution.status) || job.settledAt === null;
    if (!open || execution.desired === "stop") return null;
    await writeDesire(
      tx,
      execution.id,
      { desired: "stop", stopReason: "stopped-by-customer", stopRequestedAt: now },
      now,
    );
    await recordEvent(tx, {
      subject: id,
      code: "stop-requested",
      message: "You asked it to stop. Billing ends here.",
      at: now,
    });
    return execution.id;
  });
  if (rung) await deps.queue.ring("execution.reconcile", { id: rung });
  return getJob(deps, owner, id);
}
