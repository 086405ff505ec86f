// Times when a provider was out of reach. The database holds at most one open a provider.
import { and, eq, isNull, sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import { downtimes } from "../../drizzle/schema/provider.ts";
import type { Tx } from "../deps.ts";

/** Opens one, unless one is open. */
export async function openDowntime(tx: Tx, providerId: ProviderId, startedAt: Date): Promise<void> {
  await tx.insert(downtimes).values({ providerId, startedAt }).onConflictDoNothing();
}

/** Ends the open one, never before it began. */
export async function closeDowntime(tx: Tx, providerId: ProviderId, endedAt: Date): Promise<void> {
  await tx
    .update(downtimes)
    .set({ endedAt: sql`greatest(${downtimes.startedAt}, ${endedAt.toISOString()}::timestamptz)` })
    .where(and(eq(downtimes.providerId, providerId), isNull(downtimes.endedAt)));
}
