// Jobs of either kind behind one door: which use case answers is decided by what the job is.
import type { Principal } from "../../../domain/account/principal.ts";
import { isId, type JobId } from "../../../domain/ids.ts";
import type { AnyEstimateView, AnyJobView, JobBody } from "../../../protocol/operations/job.ts";
import type { Deps } from "../../deps.ts";
import { cancelBatch } from "../batch/cancel-batch.ts";
import { findBatch } from "../batch/get-batch.ts";
import { estimateBatch } from "../batch/submit-batch.ts";
import { estimateRental } from "./estimate-rental.ts";
import { getJob, noSuchJob } from "./get-job.ts";
import { stopJob } from "./stop-job.ts";

export function estimateJob(deps: Deps, customer: Principal | null, body: JobBody): Promise<AnyEstimateView> {
  return body.kind === "rental" ? estimateRental(deps, customer, body) : estimateBatch(deps, customer, body);
}

/** @throws AppError `not-found` */
export async function getAnyJob(
  deps: Pick<Deps, "db" | "clock" | "settings">,
  owner: Principal,
  id: string,
): Promise<AnyJobView> {
  if (!isId("job", id)) throw noSuchJob();
  return (await findBatch(deps, owner, id)) ?? getJob(deps, owner, id);
}

/** @throws AppError `not-found` */
export async function stopAnyJob(
  deps: Pick<Deps, "db" | "clock" | "ids" | "random" | "queue" | "settings">,
  owner: Principal,
  id: JobId,
): Promise<AnyJobView> {
  return (await cancelBatch(deps, owner, id)) ?? stopJob(deps, owner, id);
}
