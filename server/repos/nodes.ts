// The node side of providers: issued names and tokens, and what the cluster shows of them.
import { eq } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import { providerNodes } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";

export type NodeRow = typeof providerNodes.$inferSelect;

/** A machine that is to join the cluster gets its name with its enrolment. */
export async function insertNode(tx: Tx, providerId: ProviderId, nodeName: string): Promise<void> {
  await tx.insert(providerNodes).values({ providerId, nodeName });
}

/** Makes the node side of a provider due. @returns false where it has none */
export async function wakeNode(tx: Tx, providerId: ProviderId, now: Date): Promise<boolean> {
  const woken = await tx
    .update(providerNodes)
    .set({ nextReconcileAt: now, reconcileAttempts: 0 })
    .where(eq(providerNodes.providerId, providerId))
    .returning({ id: providerNodes.providerId });
  return woken.length > 0;
}

export async function findNode(db: Db | Tx, providerId: ProviderId): Promise<NodeRow | null> {
  const [row] = await db.select().from(providerNodes).where(eq(providerNodes.providerId, providerId));
  return row ?? null;
}
