// What one execution of a batch job may cost: the customer's limit, or else what the market asks.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import { BATCH_DISK_GB, type BatchWish } from "../../../domain/job/batch.ts";
import { explain } from "../../../domain/placement/rank.ts";
import type { Db } from "../../deps.ts";
import { type BatchOffers, batchOffers } from "../../repos/batch-offers.ts";

/** What could run it at all. Unlocked, and of now: who runs it in the end is drawn from what is free then. */
export function offersFor(db: Db, customer: Principal | null, wish: BatchWish, now: Date): Promise<BatchOffers> {
  const { gpuModel, gpuCount, cpuCores, memoryGb, maxRate } = wish;
  return batchOffers(db, {
    ...{ gpuModel, gpuCount, cpuCores, memoryGb, diskGb: BATCH_DISK_GB, maxRate },
    needsSandbox: customer?.via === "anonymous",
    customer: customer?.account ?? null,
    until: new Date(now.getTime() + wish.timeoutSeconds * 1000),
  });
}

/**
 * @returns micro-USD per hour of one execution
 * @throws AppError `no-capacity` where no machine could ever run it, with what each filter removed
 */
export function rateOfBatch(wish: BatchWish, { dearest, considered, removed }: BatchOffers): bigint {
  const rate = wish.maxRate ?? dearest;
  if (rate !== null) return rate;
  const others = considered === 0 ? "No provider of another owner offers this kind of machine." : null;
  throw new AppError("no-capacity", others ?? explain(removed, considered), { removed });
}
