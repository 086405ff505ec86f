// An account's saved searches, with what they found at the last look.
import type { Principal } from "../../../domain/account/principal.ts";
import type { SavedSearchView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

export async function listSavedSearches(
  _deps: Pick<Deps, "db">,
  _owner: Principal,
): Promise<{ saved_searches: SavedSearchView[]; count: number; next_cursor: null }> {
  throw new Error("UNBUILT");
}
