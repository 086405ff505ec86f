// An account's saved searches, with what they found at the last look.
import type { Principal } from "../../../domain/account/principal.ts";
import type { SavedSearchView } from "../../../protocol/market-views.ts";
import type { Deps } from "../../deps.ts";
import { savedSearchesOf } from "../../repos/saved-searches.ts";
import { toSavedSearchView } from "./saved-search-view.ts";

export async function listSavedSearches(
  { db }: Pick<Deps, "db">,
  owner: Principal,
): Promise<{ saved_searches: SavedSearchView[]; count: number; next_cursor: null }> {
  const rows = await savedSearchesOf(db, owner.account);
  return { saved_searches: rows.map(toSavedSearchView), count: rows.length, next_cursor: null };
}
