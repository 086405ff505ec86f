// A saved search is forgotten, with its alerts.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { SavedSearchId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";
import { deleteSavedSearchRow } from "../../repos/saved-searches.ts";

/** @throws AppError `not-found` */
export async function deleteSavedSearch({ db }: Pick<Deps, "db">, owner: Principal, id: SavedSearchId): Promise<void> {
  if (!(await deleteSavedSearchRow(db, owner.account, id)))
    throw new AppError("not-found", "You have no such saved search.");
}
