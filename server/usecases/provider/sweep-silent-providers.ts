// Providers that fell silent go offline, once per edge, at the cost of their reputation.
import type { ExecutionId, ProviderId } from "../../../domain/ids.ts";
import { OFFLINE_AFTER_MS, presenceAfter, REPUTATION_OFFLINE, silence } from "../../../domain/provider/state.ts";
import type { Deps, Tx } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { listeningSpan } from "../../repos/listening.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { lockLastSeen, silentProviders, wakeLiveOn } from "../../repos/presence.ts";
import { lockProviderRow, updateProvider } from "../../repos/providers.ts";
import { applyReputation } from "../../repos/reputation.ts";

/** @returns how many went offline now */
export async function sweepSilentProviders({
  db,
  clock,
  queue,
  log,
}: Pick<Deps, "db" | "clock" | "queue" | "log">): Promise<number> {
  const now = clock.now();
  let edges = 0;
  for (const id of await silentProviders(db, OFFLINE_AFTER_MS)) {
    try {
      const woken = await db.transaction((tx) => goOffline(tx, id, now));
      if (!woken) continue;
      edges++;
      await Promise.all(woken.map((execution) => queue.ring("execution.reconcile", { id: execution })));
    } catch (error) {
      log.error({ err: error, provider: id }, "a silent provider could not go offline; the next sweep tries again");
    }
  }
  return edges;
}

/** Looks again under the locks. @returns what lives there, or null where somebody was faster or it was heard again */
async function goOffline(tx: Tx, id: ProviderId, now: Date): Promise<ExecutionId[] | null> {
  const provider = await lockProviderRow(tx, id);
  if (!provider) return null;
  const presence = presenceAfter(provider.presence, "silent");
  if (presence === provider.presence) return null;
  const [lastSeenAt, span] = [await lockLastSeen(tx, id), await listeningSpan(tx)];
  if (!lastSeenAt || !span) return null;
  const silent = silence(lastSeenAt, span.since, span.until);
  if (silent.ms < OFFLINE_AFTER_MS) return null;
  await updateProvider(tx, id, { presence, offlineSince: silent.since });
  const delta = await applyReputation(tx, provider, REPUTATION_OFFLINE, "offline", now);
  await recordEvent(tx, {
    subject: id,
    code: "provider-offline",
    message: `${provider.name} has been silent for ${Math.round(silent.ms / 1000)} seconds.`,
    data: { since: silent.since.toISOString(), reputation_delta: delta },
    at: now,
  });
  await recomputeOffers(tx, id);
  return wakeLiveOn(tx, id, now);
}
