// An API key with some of its account's scopes; the key itself is shown once.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ApiKeyView } from "../../../protocol/account-views.ts";
import type { API_KEY_SCOPES } from "../../../protocol/operations/account.ts";
import type { Deps } from "../../deps.ts";
import { lockAccount } from "../../repos/accounts.ts";
import { countApiKeys, insertApiKey } from "../../repos/api-keys.ts";
import { MAX_KEYS, tooManyKeys } from "./limits.ts";
import { toApiKeyView } from "./list-api-keys.ts";
import { API_KEY_PREFIX, hashToken, TOKEN_BYTES } from "./tokens.ts";

/** Enough of a key to recognise it by, and of no use to guess the rest. */
const SHOWN_CHARACTERS = API_KEY_PREFIX.length + 6;

export interface ApiKeyWish {
  readonly name: string;
  readonly scopes: readonly (typeof API_KEY_SCOPES)[number][];
}

/** @throws AppError `limit-reached` */
export async function createApiKey(
  { db, clock, ids }: Pick<Deps, "db" | "clock" | "ids">,
  owner: Principal,
  { name, scopes }: ApiKeyWish,
): Promise<{ key: string; apiKey: ApiKeyView }> {
  const key = `${API_KEY_PREFIX}${ids.secret(TOKEN_BYTES)}`;
  const row = {
    id: ids.next("key"),
    account: owner.account,
    name,
    keyHash: hashToken(key),
    prefix: key.slice(0, SHOWN_CHARACTERS),
    scopes,
    createdAt: clock.now(),
  };
  await db.transaction(async (tx) => {
    await lockAccount(tx, owner.account);
    if ((await countApiKeys(tx, owner.account)) >= MAX_KEYS) throw tooManyKeys("API");
    await insertApiKey(tx, row);
  });
  return { key, apiKey: toApiKeyView({ ...row, lastUsedAt: null }) };
}
