// Who decided what, newest first.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderEventView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

/** @throws AppError `forbidden` */
export async function listAudit(
  _deps: Pick<Deps, "db" | "settings">,
  _operator: Principal,
  _query: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ events: ProviderEventView[]; count: number; next_cursor: string | null }> {
  throw new Error("UNBUILT");
}
