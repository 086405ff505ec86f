// The SSH keys of an account: what a rental lets in.
import { and, desc, eq } from "drizzle-orm";
import type { KeyId } from "../../domain/ids.ts";
import { sshKeys } from "../../drizzle/schema/account.ts";
import type { Db, Tx } from "../deps.ts";

export type SshKeyRow = typeof sshKeys.$inferSelect;

/** @returns false where the account has this very key already */
export async function insertSshKey(tx: Tx, key: SshKeyRow): Promise<boolean> {
  const inserted = await tx.insert(sshKeys).values(key).onConflictDoNothing().returning({ id: sshKeys.id });
  return inserted.length > 0;
}

/** Newest first. */
export function sshKeysOf(db: Db | Tx, account: string): Promise<SshKeyRow[]> {
  return db.select().from(sshKeys).where(eq(sshKeys.account, account)).orderBy(desc(sshKeys.id));
}

export function countSshKeys(tx: Tx, account: string): Promise<number> {
  return tx.$count(sshKeys, eq(sshKeys.account, account));
}

/** @returns false where the account has no such key */
export async function deleteSshKey(db: Db, account: string, id: KeyId): Promise<boolean> {
  const deleted = await db
    .delete(sshKeys)
    .where(and(eq(sshKeys.id, id), eq(sshKeys.account, account)))
    .returning({ id: sshKeys.id });
  return deleted.length > 0;
}
