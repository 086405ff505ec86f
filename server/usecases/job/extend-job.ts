// More hours at the job's frozen rate, held before they count.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { ExecutionId, JobId } from "../../../domain/ids.ts";
import { MAX_RENTAL_HOURS } from "../../../domain/job/wish.ts";
import { priceOfHours } from "../../../domain/money/charge.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import type { JobView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { writeDesire } from "../../repos/executions.ts";
import { once } from "../../repos/idempotency.ts";
import { lockJob, updateJob } from "../../repos/jobs.ts";
import { addHold, lockBalance } from "../../repos/ledger.ts";
import { getJob, noSuchJob } from "./get-job.ts";

/** @throws AppError `conflict` unless it runs, `limit-reached` beyond 720 hours, `insufficient-funds` */
export async function extendJob(
  deps: Pick<Deps, "db" | "clock" | "ids" | "queue">,
  owner: Principal,
  id: JobId,
  hours: number,
  key: string | null,
): Promise<JobView> {
  const now = deps.clock.now();
  const attempt = { account: owner.account, operation: "extend-job", key, request: { id, hours } };
  const extended = await once(deps.db, attempt, now, async (tx): Promise<{ executionId: ExecutionId }> => {
    const balance = await lockBalance(tx, owner.account);
    const row = await lockJob(tx, owner.account, id);
    if (!row) throw noSuchJob();
    const { job, execution } = row;
    const runs = execution.status === "running" || execution.status === "unreachable";
    if (!runs || execution.desired === "stop" || !execution.expiresAt || execution.expiresAt <= now)
      throw new AppError("conflict", "Only a running rental can be extended.");
    if (job.hours + hours > MAX_RENTAL_HOURS)
      throw new AppError(
        "limit-reached",
        `A rental lasts ${MAX_RENTAL_HOURS} hours at most; this one has ${job.hours}.`,
        {
          fields: [{ field: "hours", message: `at most ${MAX_RENTAL_HOURS - job.hours} more` }],
        },
      );
    const expiresAt = new Date(execution.expiresAt.getTime() + hours * 3_600_000);
    await updateJob(tx, id, { hours: job.hours + hours, warnedMinutes: null });
    await writeDesire(tx, execution.id, { expiresAt }, now);
    const amount = priceOfHours(job.rate, hours);
    const description = `Held for ${hours} h more at $${formatMicros(job.rate)}/h`;
    await addHold(tx, deps.ids, balance, { account: owner.account, jobId: id, amount, description, at: now });
    await recordEvent(tx, {
      subject: id,
      code: "extended",
      message: `Extended by ${hours} h at $${formatMicros(job.rate)}/h.`,
      data: { hours, held: formatMicros(amount), expires_at: expiresAt.toISOString() },
      at: now,
    });
    return { executionId: execution.id };
  });
  if (extended) await deps.queue.ring("execution.reconcile", { id: extended.executionId });
  return getJob(deps, owner, id);
}
