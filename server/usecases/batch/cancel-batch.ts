// The wish to cancel a batch job: what runs is stopped and paid up to now. What was decided stays decided.
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import type { BatchJobView } from "../../../protocol/batch.ts";
import type { Deps } from "../../deps.ts";
import { findBatch } from "./get-batch.ts";
import { cancel } from "./judge.ts";
import { settleJobs } from "./settle-batch.ts";

/** @returns null where the account has no such batch job */
export async function cancelBatch(
  deps: Pick<Deps, "db" | "clock" | "ids" | "random" | "queue" | "settings">,
  owner: Principal,
  id: JobId,
): Promise<BatchJobView | null> {
  const there = await findBatch(deps, owner, id);
  if (!there || there.verdict) return there;
  await settleJobs(deps, {
    jobs: [id],
    change: () => ({ value: null, results: [] }),
    decide: (one, bench) => {
      if (!one.job.decidedAt) cancel(one, bench);
    },
  });
  return findBatch(deps, owner, id);
}
