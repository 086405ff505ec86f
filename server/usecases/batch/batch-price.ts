// What one execution of a batch job may cost: the customer's limit, or else what the market asks.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import { BATCH_DISK_GB, type BatchWish } from "../../../domain/job/batch.ts";
import type { GpuLimit } from "../../../domain/job/gpu-limit.ts";
import { REASONS } from "../../../domain/job/reasons.ts";
import { explain } from "../../../domain/placement/rank.ts";
import type { Deps } from "../../deps.ts";
import { type BatchOffers, batchOffers } from "../../repos/batch-offers.ts";
import { heldBackNow } from "./owner-groups.ts";

/**
 * What could run it at all. Unlocked, and of now: who runs it in the end is drawn from what is free then.
 * @param limit of the customer's GPUs on nodes of the cluster
 */
export async function offersFor(
  { db, settings }: Pick<Deps, "db" | "settings">,
  customer: Principal | null,
  wish: BatchWish,
  limit: GpuLimit,
  now: Date,
): Promise<BatchOffers> {
  const { demo } = settings;
  const held = await heldBackNow(db, now, demo);
  const { gpuModel, gpuCount, cpuCores, memoryGb, maxRate } = wish;
  return batchOffers(db, {
    ...{ gpuModel, gpuCount, cpuCores, memoryGb, diskGb: BATCH_DISK_GB, maxRate },
    needsSandbox: customer?.via === "anonymous",
    customer: customer?.account ?? null,
    until: new Date(now.getTime() + wish.timeoutSeconds * 1000),
    limit,
    imagesOwn: wish.command.length === 0,
    processes: demo,
    heldBack: [...held.keys()],
  });
}

/**
 * @returns micro-USD per hour of one execution
 * @throws AppError `no-capacity` where no machine could ever run it, with what each filter removed
 */
export function rateOfBatch(wish: BatchWish, { dearest, considered, removed, withCommand }: BatchOffers): bigint {
  const rate = wish.maxRate ?? dearest;
  if (rate !== null) return rate;
  if (withCommand > 0)
    throw new AppError(
      "no-capacity",
      `${REASONS["needs-command"].sentence} ${withCommand} would run it with a command: give it one.`,
      { removed },
    );
  const others = considered === 0 ? "No provider of another owner offers this kind of machine." : null;
  throw new AppError("no-capacity", others ?? explain(removed, considered), { removed });
}
