// Logins. Tokens are kept as their SHA-256 only.
import { and, eq, gt, isNull } from "drizzle-orm";
import { sessions } from "../../drizzle/schema/account.ts";
import type { Db, Tx } from "../deps.ts";

export async function insertSession(
  tx: Tx,
  session: { tokenHash: string; account: string; createdAt: Date; expiresAt: Date },
): Promise<void> {
  await tx.insert(sessions).values(session);
}

/** The account of a session that is neither over nor revoked. */
export async function accountOfSession(db: Db, tokenHash: string, now: Date): Promise<string | null> {
  const [row] = await db
    .select({ account: sessions.account })
    .from(sessions)
    .where(and(eq(sessions.tokenHash, tokenHash), isNull(sessions.revokedAt), gt(sessions.expiresAt, now)));
  return row?.account ?? null;
}

export async function revokeSession(db: Db, tokenHash: string, now: Date): Promise<void> {
  await db
    .update(sessions)
    .set({ revokedAt: now })
    .where(and(eq(sessions.tokenHash, tokenHash), isNull(sessions.revokedAt)));
}
