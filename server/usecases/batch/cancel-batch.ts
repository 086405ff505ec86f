// The wish to cancel a batch job: what runs is stopped and paid up to now. What was decided stays decided.
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import type { BatchJobView } from "../../../protocol/batch.ts";
import type { Deps } from "../../deps.ts";

/** @returns null where the account has no such batch job */
export async function cancelBatch(
  _deps: Pick<Deps, "db" | "clock" | "ids" | "queue" | "settings">,
  _owner: Principal,
  _id: JobId,
): Promise<BatchJobView | null> {
  return null;
}
