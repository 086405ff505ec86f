// What happened to a machine, newest first.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { ProviderEventView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

/** @throws AppError `not-found` for a stranger */
export async function listProviderEvents(
  _deps: Pick<Deps, "db" | "settings">,
  _principal: Principal,
  _id: ProviderId,
  _page: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ events: ProviderEventView[]; count: number; next_cursor: string | null }> {
  throw new Error("UNBUILT");
}
