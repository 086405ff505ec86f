// A search that is kept, with a price alert where one is wanted.
import type { Principal } from "../../../domain/account/principal.ts";
import type { SavedSearchView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

/** @throws AppError `bad-request` for a query the market does not understand, `conflict` for a taken name, `limit-reached` */
export async function saveSearch(
  _deps: Pick<Deps, "db" | "clock" | "ids">,
  _owner: Principal,
  _wish: { readonly name: string; readonly query: string; readonly alert_at_or_below?: bigint | undefined },
  _idempotencyKey: string | null,
): Promise<SavedSearchView> {
  throw new Error("UNBUILT");
}
