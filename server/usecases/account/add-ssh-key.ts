// A customer's SSH public key, read and refused when malformed.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { SshKeyView } from "../../../protocol/account-views.ts";
import type { Deps } from "../../deps.ts";
import { lockAccount } from "../../repos/accounts.ts";
import { once } from "../../repos/idempotency.ts";
import { countSshKeys, insertSshKey } from "../../repos/ssh-keys.ts";
import { MAX_KEYS, tooManyKeys } from "./limits.ts";
import { toSshKeyView } from "./list-ssh-keys.ts";

/**
 * @param key the Idempotency-Key
 * @throws AppError `bad-request` for a malformed key, `conflict` for one the account has, `limit-reached`
 */
export async function addSshKey(
  { db, clock, ids, ssh }: Pick<Deps, "db" | "clock" | "ids" | "ssh">,
  owner: Principal,
  wish: { readonly name: string; readonly public_key: string },
  key: string | null,
): Promise<SshKeyView> {
  const now = clock.now();
  const parsed = ssh.parsePublicKey(wish.public_key);
  const attempt = { account: owner.account, operation: "add-ssh-key", key, request: wish };
  const added = await once(db, attempt, now, async (tx) => {
    await lockAccount(tx, owner.account);
    if ((await countSshKeys(tx, owner.account)) >= MAX_KEYS) throw tooManyKeys("SSH");
    const row = { id: ids.next("key"), account: owner.account, name: wish.name, createdAt: now, ...parsed };
    return (await insertSshKey(tx, row)) ? toSshKeyView(row) : null;
  });
  if (added) return added;
  throw new AppError("conflict", `Your account already has the key ${parsed.fingerprint}.`);
}
