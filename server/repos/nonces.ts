// Login nonces: single use, a few minutes.
import { and, eq, gt, isNull } from "drizzle-orm";
import { nonces } from "../../drizzle/schema/account.ts";
import type { Db, Tx } from "../deps.ts";

export async function insertNonce(
  db: Db,
  nonce: { nonce: string; address: string; issuedAt: Date; expiresAt: Date },
): Promise<void> {
  await db.insert(nonces).values(nonce);
}

const usable = (nonce: string, address: string, now: Date) =>
  and(eq(nonces.nonce, nonce), eq(nonces.address, address), isNull(nonces.usedAt), gt(nonces.expiresAt, now));

/** A nonce of this address that may still be used. */
export async function findNonce(db: Db, nonce: string, address: string, now: Date) {
  const [row] = await db
    .select()
    .from(nonces)
    .where(usable(nonce, address, now));
  return row ?? null;
}

/** Uses a nonce up. @returns false where somebody was faster */
export async function useNonce(tx: Tx, nonce: string, address: string, now: Date): Promise<boolean> {
  const used = await tx
    .update(nonces)
    .set({ usedAt: now })
    .where(usable(nonce, address, now))
    .returning({ nonce: nonces.nonce });
  return used.length > 0;
}
