// Accounts: a row for each wallet that logged in.
import { and, eq, sql } from "drizzle-orm";
import { accounts } from "../../drizzle/schema/account.ts";
import { entries, postings } from "../../drizzle/schema/ledger.ts";
import type { Tx } from "../deps.ts";

/** Creates the account where it does not exist, and locks it until the transaction ends. */
export async function lockOrCreateAccount(tx: Tx, address: string, now: Date): Promise<void> {
  await tx.insert(accounts).values({ address, createdAt: now }).onConflictDoNothing();
  await lockAccount(tx, address);
}

/** @returns false where there is no such account */
export async function lockAccount(tx: Tx, address: string): Promise<boolean> {
  const found = await tx
    .select({ address: accounts.address })
    .from(accounts)
    .where(eq(accounts.address, address))
    .for("update");
  return found.length > 0;
}

/** Whether the account was granted its promotion: the ledger is append-only, so this never becomes false again. */
export async function wasGrantedPromotion(tx: Tx, address: string): Promise<boolean> {
  const [found] = await tx
    .select({ one: sql`1` })
    .from(entries)
    .innerJoin(postings, eq(postings.id, entries.postingId))
    .where(and(eq(entries.owner, address), eq(postings.kind, "promotion")))
    .limit(1);
  return found !== undefined;
}
