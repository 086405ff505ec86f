// One job of an account; a stranger's is not found.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { JobId } from "../../../domain/ids.ts";
import type { JobView } from "../../../protocol/job-views.ts";
import type { Deps } from "../../deps.ts";
import { findJob } from "../../repos/jobs.ts";
import { mostFree } from "../../repos/offers.ts";
import { toJobView } from "./job-view.ts";

export function noSuchJob(): AppError {
  return new AppError("not-found", "the job does not exist");
}

export async function getJob({ db, clock }: Pick<Deps, "db" | "clock">, owner: Principal, id: JobId): Promise<JobView> {
  const row = await findJob(db, owner.account, id);
  if (!row) throw noSuchJob();
  const tooSmall = row.job.reason === "out-of-memory" || row.job.reason === "out-of-disk";
  return toJobView(row, clock.now(), tooSmall ? await mostFree(db, row.job) : undefined);
}
