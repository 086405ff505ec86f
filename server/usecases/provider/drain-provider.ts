// A draining machine takes no new work; what runs goes on to its end.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";

type DrainDeps = Pick<Deps, "db" | "clock" | "queue" | "settings">;

/** Of the owner or an operator. @throws AppError `not-found`, `conflict` */
export async function drainProvider(
  _deps: DrainDeps,
  _principal: Principal,
  _id: ProviderId,
  _draining: boolean,
): Promise<void> {
  throw new Error("UNBUILT");
}

/** The same from the machine itself, whose signature was checked. @throws AppError `stale-sequence`, `not-found`, `conflict` */
export async function drainFromAgent(
  _deps: DrainDeps,
  _id: ProviderId,
  _wish: { readonly seq: number; readonly draining: boolean },
): Promise<{ draining: boolean; live_executions: number }> {
  throw new Error("UNBUILT");
}
