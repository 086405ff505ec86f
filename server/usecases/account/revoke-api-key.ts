// Revokes an API key at once.
import type { Principal } from "../../../domain/account/principal.ts";
import type { KeyId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";
import { revokeApiKeyOf } from "../../repos/api-keys.ts";
import { noSuchKey } from "./limits.ts";

/** @throws AppError `not-found` for another account's key too */
export async function revokeApiKey(
  { db, clock }: Pick<Deps, "db" | "clock">,
  owner: Principal,
  id: KeyId,
): Promise<void> {
  if (!(await revokeApiKeyOf(db, owner.account, id, clock.now()))) throw noSuchKey();
}
