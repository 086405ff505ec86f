// One batch job of an account, and its panel; a stranger's is not found.
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import type { BatchExecutionsView, BatchJobView } from "../../../protocol/batch.ts";
import type { Deps } from "../../deps.ts";

/** @returns null where the account has no such batch job */
export async function findBatch(
  _deps: Pick<Deps, "db" | "clock">,
  _owner: Principal,
  _id: JobId,
): Promise<BatchJobView | null> {
  return null;
}

/** Of a job that is not theirs: an empty list, as the seed answers. Results and digests are hidden until the verdict. */
export async function listExecutions(
  _deps: Pick<Deps, "db" | "clock">,
  _owner: Principal,
  _id: string,
): Promise<BatchExecutionsView> {
  throw new Error("UNBUILT");
}
