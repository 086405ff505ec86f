// Providers that fell silent go offline, once per edge, at the cost of their reputation.
import type { ExecutionId, ProviderId } from "../../../domain/ids.ts";
import { unexcusedMs } from "../../../domain/provider/maintenance.ts";
import { isNode, OFFLINE_AFTER_MS, REPUTATION_OFFLINE, silence } from "../../../domain/provider/state.ts";
import type { Deps, Tx } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { listeningSpan } from "../../repos/listening.ts";
import { windowsEndingAfter } from "../../repos/maintenance.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { lockLastSeen, silentProviders } from "../../repos/presence.ts";
import { lockProviderRow, owingProviders, updateProvider } from "../../repos/providers.ts";
import { applyReputation } from "../../repos/reputation.ts";
import { OFFLINE_REASON, writePresenceEdge } from "./presence-edge.ts";

type SweepDeps = Pick<Deps, "db" | "clock" | "queue" | "log">;

/** @returns how many went offline now */
export async function sweepSilentProviders(deps: SweepDeps): Promise<number> {
  const { db, clock, queue, log } = deps;
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
  await collectOwed(deps, now);
  return edges;
}

/** Looks again under the locks. @returns what lives there, or null where somebody was faster or it was heard again */
async function goOffline(tx: Tx, id: ProviderId, now: Date): Promise<ExecutionId[] | null> {
  const provider = await lockProviderRow(tx, id);
  if (!provider || isNode(provider.runtime)) return null; // its Node object decides
  const [lastSeenAt, span] = [await lockLastSeen(tx, id), await listeningSpan(tx)];
  if (!lastSeenAt || !span) return null;
  const silent = silence(lastSeenAt, span.since, span.until);
  if (silent.ms < OFFLINE_AFTER_MS) return null;
  const message = `${provider.name} has been silent for ${Math.round(silent.ms / 1000)} seconds.`;
  return writePresenceEdge(tx, provider, "silent", { now, silentSince: silent.since, message });
}

/** Takes what announced maintenance put off, where the silence outlasted it. */
async function collectOwed({ db, log }: SweepDeps, now: Date): Promise<void> {
  for (const id of await owingProviders(db)) {
    try {
      await db.transaction((tx) => takeOwed(tx, id, now));
    } catch (error) {
      log.error({ err: error, provider: id }, "an owed penalty could not be taken; the next sweep tries again");
    }
  }
}

/** As with the first silence, only time in which the broker listened counts. */
async function takeOwed(tx: Tx, id: ProviderId, now: Date): Promise<void> {
  const provider = await lockProviderRow(tx, id);
  const span = await listeningSpan(tx);
  if (!provider?.offlineSince || provider.presence !== "offline" || provider.offlinePenalised || !span) return;
  const { since } = silence(provider.offlineSince, span.since, span.until);
  const windows = await windowsEndingAfter(tx, id, since);
  const outsideMs = unexcusedMs(since, span.until, windows);
  if (outsideMs < OFFLINE_AFTER_MS) return;
  await updateProvider(tx, id, { offlinePenalised: true });
  const delta = await applyReputation(tx, provider, REPUTATION_OFFLINE, OFFLINE_REASON, now);
  await recordEvent(tx, {
    subject: id,
    code: "maintenance-outlasted",
    message: `${provider.name} stayed silent for ${Math.round(outsideMs / 1000)} seconds outside its announced maintenance.`,
    data: { since: provider.offlineSince.toISOString(), reputation_delta: delta },
    at: now,
  });
  await recomputeOffers(tx, id);
}
