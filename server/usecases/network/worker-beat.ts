// A third-party worker is there.
import type { Principal } from "../../../domain/account/principal.ts";
import type { Deps } from "../../deps.ts";
import { hear, ownWorker } from "./own-worker.ts";

/** @throws AppError `not-found`, `forbidden` where it was removed */
export async function workerBeat(
  deps: Pick<Deps, "db" | "clock" | "queue">,
  principal: Principal,
  nodeId: string,
  address: string | null,
): Promise<void> {
  await hear(deps, await ownWorker(deps.db, principal, nodeId), address);
}
