// A third-party worker delivers.
import type { Principal } from "../../../domain/account/principal.ts";
import type { WorkerResult } from "../../../protocol/operations/node.ts";
import type { Deps } from "../../deps.ts";
import { type ExternalDeps, takeExternalResult } from "../batch/take-external-result.ts";
import { hear, ownWorker } from "./own-worker.ts";

/** @throws AppError `not-found` where there is no such execution on this worker, `conflict` where it delivered another result */
export async function takeWorkerResult(
  deps: ExternalDeps & Pick<Deps, "queue">,
  principal: Principal,
  body: WorkerResult,
  address: string | null,
): Promise<void> {
  const worker = await ownWorker(deps.db, principal, body.node_id);
  await hear(deps, worker, address);
  await takeExternalResult(deps, worker.provider.id, body);
}
