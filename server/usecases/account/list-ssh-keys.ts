// The SSH keys of an account, newest first.
import type { Principal } from "../../../domain/account/principal.ts";
import type { SshKeyView } from "../../../protocol/account-views.ts";
import type { Deps } from "../../deps.ts";
import { type SshKeyRow, sshKeysOf } from "../../repos/ssh-keys.ts";

export async function listSshKeys({ db }: Pick<Deps, "db">, owner: Principal): Promise<SshKeyView[]> {
  return (await sshKeysOf(db, owner.account)).map(toSshKeyView);
}

export function toSshKeyView({ id, name, type, publicKey, fingerprint, createdAt }: SshKeyRow): SshKeyView {
  return { id, name, type, public_key: publicKey, fingerprint, created_at: createdAt.toISOString() };
}
