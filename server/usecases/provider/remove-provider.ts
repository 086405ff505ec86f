// A machine leaves for good; its history stays.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";

/** Of the owner or an operator. @throws AppError `not-found`, `conflict` while anything lives on it */
export async function removeProvider(
  _deps: Pick<Deps, "db" | "clock" | "queue" | "settings">,
  _principal: Principal,
  _id: ProviderId,
): Promise<void> {
  throw new Error("UNBUILT");
}
