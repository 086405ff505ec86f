// A batch job is submitted: its price frozen, its money held, its row waiting for machines.
import type { Principal } from "../../../domain/account/principal.ts";
import type { BatchBody, BatchEstimateView, BatchJobView } from "../../../protocol/batch.ts";
import type { Deps } from "../../deps.ts";

/** @throws AppError `bad-request`, `no-capacity` where nobody could ever run it, `insufficient-funds`, `idempotency-mismatch` */
export async function submitBatch(
  _deps: Deps,
  _customer: Principal,
  _body: BatchBody,
  _key: string | null,
): Promise<BatchJobView> {
  throw new Error("UNBUILT");
}

export async function estimateBatch(
  _deps: Deps,
  _customer: Principal | null,
  _body: BatchBody,
): Promise<BatchEstimateView> {
  throw new Error("UNBUILT");
}
