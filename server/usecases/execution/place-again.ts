// A job whose execution failed before it ran is tried elsewhere, at its frozen rate or below.
import type { PlacementWish } from "../../../domain/placement/filters.ts";
import { place } from "../../../domain/placement/place.ts";
import { latestEnd } from "../../../domain/provider/maintenance.ts";
import type { Deps } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { type ExecutionRow, writeExecution } from "../../repos/executions.ts";
import { insertAttempt } from "../../repos/jobs.ts";
import { lockBalance } from "../../repos/ledger.ts";
import { candidateOffers, recomputeOffers } from "../../repos/offers.ts";
import { holdGpus, lockProvider } from "../../repos/providers.ts";
import { nodeGpusLeft } from "../job/rent-gpu.ts";

/** @returns false where no other offer fits: the job gets its end then */
export async function placeAgain(
  deps: Pick<Deps, "db" | "ids" | "queue" | "settings">,
  row: ExecutionRow,
  now: Date,
): Promise<boolean> {
  const { execution, job } = row;
  const { gpuModel, minVramMb, gpuCount, cpuCores, memoryGb, diskGb, rate: maxRate, anonymous: needsSandbox } = job;
  const wish: PlacementWish = {
    providerId: null,
    gpuModel,
    minVramMb,
    gpuCount,
    cpuCores,
    memoryGb,
    diskGb,
    maxRate,
    needsSandbox,
    until: latestEnd(now, job.hours),
    nodeGpusLeft: await nodeGpusLeft(deps.db, deps.settings, job.account),
  };
  const offers = await candidateOffers(deps.db, wish);
  for (const offer of offers.filter((candidate) => candidate.providerId !== execution.providerId)) {
    const placed = await deps.db.transaction(async (tx) => {
      await lockBalance(tx, job.account); // law 8's order; and the limit below is exact then
      const left = await nodeGpusLeft(tx, deps.settings, job.account);
      const provider = await lockProvider(tx, offer.providerId);
      const spot = provider && place({ ...wish, nodeGpusLeft: left }, provider, offer.gpuModel);
      if (!provider || !spot) return "full";
      if (!(await writeExecution(tx, execution, { settled: true }, null))) return "late";
      const id = deps.ids.next("exec");
      const attempt = execution.attempt + 1;
      await insertAttempt(tx, {
        id,
        jobId: job.id,
        providerId: provider.id,
        attempt,
        desired: "run",
        status: "scheduled",
        cpuCores,
        memoryGb,
        diskGb,
        createdAt: now,
        nextReconcileAt: now,
      });
      await holdGpus(tx, spot.gpuIds, id);
      await recomputeOffers(tx, provider.id);
      const message = `Placed again on ${provider.name}; the price stays.`;
      await recordEvent(tx, {
        subject: job.id,
        code: "placed-again",
        message,
        data: { provider_id: provider.id, attempt },
        at: now,
      });
      return id;
    });
    if (placed === "late") return true; // somebody else is at it
    if (placed === "full") continue;
    await deps.queue.ring("execution.reconcile", { id: placed });
    return true;
  }
  return false;
}
