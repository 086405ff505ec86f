// Removes an SSH key; running rentals keep the keys they started with.
import type { Principal } from "../../../domain/account/principal.ts";
import type { KeyId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";
import { deleteSshKey } from "../../repos/ssh-keys.ts";
import { noSuchKey } from "./limits.ts";

/** @throws AppError `not-found` for another account's key too */
export async function removeSshKey({ db }: Pick<Deps, "db">, owner: Principal, id: KeyId): Promise<void> {
  if (!(await deleteSshKey(db, owner.account, id))) throw noSuchKey();
}
