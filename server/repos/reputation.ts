// Reputation is a ledger: each row says the change that was really applied, and the provider carries their sum.

import type { ProviderId } from "../../domain/ids.ts";
import { changeReputation } from "../../domain/provider/state.ts";
import { reputationEvents } from "../../drizzle/schema/provider.ts";
import type { Tx } from "../deps.ts";
import { type ProviderRow, updateProvider } from "./providers.ts";

export async function recordReputation(tx: Tx, providerId: ProviderId, delta: number, reason: string, at: Date) {
  await tx.insert(reputationEvents).values({ providerId, delta, reason, at });
}

/** Changes the score of a locked provider within its bounds. @returns the change that was applied */
export async function applyReputation(
  tx: Tx,
  locked: ProviderRow,
  delta: number,
  reason: string,
  at: Date,
): Promise<number> {
  const { score, applied } = changeReputation(locked.reputation, delta);
  await updateProvider(tx, locked.id, { reputation: score });
  await recordReputation(tx, locked.id, applied, reason, at);
  return applied;
}
