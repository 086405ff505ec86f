// API keys: shown once, kept as their SHA-256. A revoked one is gone for everybody.
import { and, desc, eq, isNull, lt, or } from "drizzle-orm";
import type { KeyId } from "../../domain/ids.ts";
import { apiKeys } from "../../drizzle/schema/account.ts";
import type { Db, Tx } from "../deps.ts";

export type ApiKeyRow = typeof apiKeys.$inferSelect;
type NewApiKey = Omit<ApiKeyRow, "lastUsedAt" | "revokedAt">;

const ofAccount = (account: string) => and(eq(apiKeys.account, account), isNull(apiKeys.revokedAt));

export async function insertApiKey(tx: Tx, key: NewApiKey): Promise<void> {
  await tx.insert(apiKeys).values(key);
}

/** Newest first. */
export function apiKeysOf(db: Db, account: string): Promise<ApiKeyRow[]> {
  return db.select().from(apiKeys).where(ofAccount(account)).orderBy(desc(apiKeys.id));
}

export function countApiKeys(tx: Tx, account: string): Promise<number> {
  return tx.$count(apiKeys, ofAccount(account));
}

export async function findApiKeyByHash(db: Db, keyHash: string): Promise<ApiKeyRow | null> {
  const [row] = await db
    .select()
    .from(apiKeys)
    .where(and(eq(apiKeys.keyHash, keyHash), isNull(apiKeys.revokedAt)));
  return row ?? null;
}

/** Notes a use, unless one was noted after `since`. */
export async function touchApiKey(db: Db, id: KeyId, now: Date, since: Date): Promise<void> {
  await db
    .update(apiKeys)
    .set({ lastUsedAt: now })
    .where(and(eq(apiKeys.id, id), or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, since))));
}

/** @returns false where the account has no such key */
export async function revokeApiKeyOf(db: Db, account: string, id: KeyId, now: Date): Promise<boolean> {
  const revoked = await db
    .update(apiKeys)
    .set({ revokedAt: now })
    .where(and(eq(apiKeys.id, id), ofAccount(account)))
    .returning({ id: apiKeys.id });
  return revoked.length > 0;
}
