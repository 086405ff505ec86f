// A saved search is forgotten, with its alerts.
import type { Principal } from "../../../domain/account/principal.ts";
import type { SavedSearchId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";

/** @throws AppError `not-found` */
export async function deleteSavedSearch(_deps: Pick<Deps, "db">, _owner: Principal, _id: SavedSearchId): Promise<void> {
  throw new Error("UNBUILT");
}
