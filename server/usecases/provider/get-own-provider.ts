// Everything about one machine, for its owner and for operators.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { OwnProviderView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

/** @throws AppError `not-found` for a stranger */
export async function getOwnProvider(
  _deps: Pick<Deps, "db" | "clock" | "settings" | "secrets">,
  _principal: Principal,
  _id: ProviderId,
): Promise<OwnProviderView> {
  throw new Error("UNBUILT");
}
