// A machine whose token ran out gets a new one.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";

/** @throws AppError `not-found`, `conflict` where it is no node, waits for approval, or has joined */
export async function renewJoin(
  _deps: Pick<Deps, "db" | "clock" | "queue" | "settings">,
  _owner: Principal,
  _id: ProviderId,
): Promise<void> {
  throw new Error("UNBUILT");
}
