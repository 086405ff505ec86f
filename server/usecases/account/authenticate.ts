// Whose token this is: a session's, or an API key's with the scopes it was given.
import { type Principal, walletPrincipal } from "../../../domain/account/principal.ts";
import type { Deps } from "../../deps.ts";
import { findApiKeyByHash, touchApiKey } from "../../repos/api-keys.ts";
import { accountOfSession } from "../../repos/sessions.ts";
import { API_KEY_PREFIX, hashToken } from "./tokens.ts";

/** A use is noted at most this often, so that reading with a key does not write each time. */
const TOUCH_EVERY_MS = 60_000;

/** @returns null where the token is nobody's, over or revoked */
export async function authenticate(
  { db, clock }: Pick<Deps, "db" | "clock">,
  token: string,
): Promise<Principal | null> {
  const now = clock.now();
  if (!token.startsWith(API_KEY_PREFIX)) {
    const account = await accountOfSession(db, hashToken(token), now);
    return account === null ? null : walletPrincipal(account);
  }
  const key = await findApiKeyByHash(db, hashToken(token));
  if (!key) return null;
  const since = new Date(now.getTime() - TOUCH_EVERY_MS);
  if (!key.lastUsedAt || key.lastUsedAt < since) await touchApiKey(db, key.id, now, since);
  return { account: key.account, via: "api-key", scopes: key.scopes };
}
