// Enrolment tokens: single use, bound to an account, known by their hash only.
import { eq } from "drizzle-orm";
import { enrolmentTokens } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";

export type EnrolmentToken = typeof enrolmentTokens.$inferSelect;

export async function insertEnrolmentToken(db: Db | Tx, token: typeof enrolmentTokens.$inferInsert): Promise<void> {
  await db.insert(enrolmentTokens).values(token);
}

/** Two machines that come with one token go one after the other. */
export async function lockEnrolmentToken(tx: Tx, tokenHash: string): Promise<EnrolmentToken | null> {
  const [row] = await tx.select().from(enrolmentTokens).where(eq(enrolmentTokens.tokenHash, tokenHash)).for("update");
  return row ?? null;
}

export async function markEnrolmentTokenUsed(tx: Tx, tokenHash: string, usedAt: Date): Promise<void> {
  await tx.update(enrolmentTokens).set({ usedAt }).where(eq(enrolmentTokens.tokenHash, tokenHash));
}
