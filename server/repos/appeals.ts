// Appeals against reputation events: one an event, decided once.
import { and, eq, lte, sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import type { AppealDecision } from "../../domain/provider/state.ts";
import { appeals, reputationEvents } from "../../drizzle/schema/provider.ts";
import type { Tx } from "../deps.ts";

export type AppealRow = typeof appeals.$inferSelect;

/** A provider's reputation event, the score after it, and its appeal. */
export async function findReputationEvent(tx: Tx, providerId: ProviderId, id: number) {
  const [row] = await tx
    .select({ event: reputationEvents, appeal: appeals })
    .from(reputationEvents)
    .leftJoin(appeals, eq(appeals.reputationEventId, reputationEvents.id))
    .where(and(eq(reputationEvents.id, id), eq(reputationEvents.providerId, providerId)));
  if (!row) return null;
  const [sum] = await tx
    .select({ score: sql<number>`coalesce(sum(${reputationEvents.delta}), 0)::int` })
    .from(reputationEvents)
    .where(and(eq(reputationEvents.providerId, providerId), lte(reputationEvents.id, id)));
  return { ...row, score: sum?.score ?? 0 };
}

/** @returns null where the event was appealed already */
export async function insertAppeal(tx: Tx, appeal: typeof appeals.$inferInsert): Promise<AppealRow | null> {
  const [row] = await tx.insert(appeals).values(appeal).onConflictDoNothing().returning();
  return row ?? null;
}

/** Whose appeal it is; its provider is locked before it is decided. */
export async function findAppeal(tx: Tx, id: number) {
  const [row] = await tx
    .select({ appeal: appeals, event: reputationEvents })
    .from(appeals)
    .innerJoin(reputationEvents, eq(reputationEvents.id, appeals.reputationEventId))
    .where(eq(appeals.id, id));
  return row ?? null;
}

export async function answerAppeal(
  tx: Tx,
  id: number,
  answer: {
    readonly decision: AppealDecision;
    readonly reply: string;
    readonly decidedAt: Date;
    readonly decidedBy: string;
  },
): Promise<void> {
  await tx.update(appeals).set(answer).where(eq(appeals.id, id));
}
