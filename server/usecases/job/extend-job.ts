// More hours at the job's frozen rate, held before they count.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { ExecutionId, JobId } from "../../../domain/ids.ts";
import { MAX_RENTAL_HOURS } from "../../../domain/job/wish.ts";
import { priceOfHours } from "../../../domain/money/charge.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import type { JobView } from "../../../protocol/job-views.ts";
import type { Deps, Tx } from "../../deps.ts";
import { findBatchRow } from "../../repos/batch-jobs.ts";
import { recordEvent } from "../../repos/events.ts";
import { writeDesire } from "../../repos/executions.ts";
import { once } from "../../repos/idempotency.ts";
import { findJob, lockJob, updateJob } from "../../repos/jobs.ts";
import { addHold, lockBalance } from "../../repos/ledger.ts";
import { standingWindows } from "../../repos/maintenance.ts";
import { lockProviderRow, type ProviderRow } from "../../repos/providers.ts";
import { getJob, noSuchJob } from "./get-job.ts";

/**
 * @throws AppError `conflict` unless it runs and its provider goes on taking work, `limit-reached` beyond 720 hours,
 *   `insufficient-funds`
 */
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
    const there = await findJob(tx, owner.account, id); // its provider is locked before it is
    if (!there) throw (await findBatchRow(tx, owner.account, id)) ? notExtensible() : noSuchJob();
    const provider = await lockProviderRow(tx, there.provider.id);
    const row = await lockJob(tx, owner.account, id);
    if (!row || !provider) throw noSuchJob();
    const { job, execution } = row;
    const runs = execution.status === "running" || execution.status === "unreachable";
    if (!runs || execution.desired === "stop" || !execution.expiresAt || execution.expiresAt <= now)
      throw notExtensible();
    if (job.hours + hours > MAX_RENTAL_HOURS)
      throw new AppError(
        "limit-reached",
        `A rental lasts ${MAX_RENTAL_HOURS} hours at most; this one has ${job.hours}.`,
        {
          fields: [{ field: "hours", message: `at most ${MAX_RENTAL_HOURS - job.hours} more` }],
        },
      );
    const expiresAt = new Date(execution.expiresAt.getTime() + hours * 3_600_000);
    await refuseUnlessFree(tx, provider, execution.expiresAt, expiresAt);
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

/** Hours are sold only where the machine is there to serve them. What was sold before stays. */
async function refuseUnlessFree(tx: Tx, provider: ProviderRow, from: Date, until: Date): Promise<void> {
  if (provider.admission !== "approved")
    throw new AppError("conflict", `${provider.name} is no longer admitted here. Rent from another provider.`);
  if (provider.drain === "draining")
    throw new AppError("conflict", `${provider.name} takes no more work: its owner drains it. Rent from another one.`);
  const window = (await standingWindows(tx, provider.id)).find(
    ({ startsAt, endsAt }) => startsAt < until && endsAt > from,
  );
  if (!window) return;
  const free = Math.floor((window.startsAt.getTime() - from.getTime()) / 3_600_000);
  const remedy = free > 0 ? `${free} h more would end before it.` : "Rent from another provider for that time.";
  throw new AppError(
    "conflict",
    `${provider.name} announced maintenance from ${window.startsAt.toISOString()} to ${window.endsAt.toISOString()}. ${remedy}`,
  );
}

function notExtensible(): AppError {
  return new AppError("conflict", "Only a running rental can be extended.");
}
