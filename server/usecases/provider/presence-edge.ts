// The one way a provider's presence changes: the edge, what it costs, and what it wakes.
import type { ExecutionId } from "../../../domain/ids.ts";
import { touches, unexcusedMs } from "../../../domain/provider/maintenance.ts";
import {
  OFFLINE_AFTER_MS,
  type PresenceEvent,
  presenceAfter,
  REPUTATION_OFFLINE,
} from "../../../domain/provider/state.ts";
import type { Tx } from "../../deps.ts";
import { closeDowntime, openDowntime } from "../../repos/downtimes.ts";
import { recordEvent } from "../../repos/events.ts";
import { windowsEndingAfter } from "../../repos/maintenance.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { wakeLiveOn } from "../../repos/presence.ts";
import { type ProviderRow, updateProvider } from "../../repos/providers.ts";
import { applyReputation } from "../../repos/reputation.ts";

export interface EdgeFacts {
  readonly now: Date;
  /** start of the silence, where there is one */
  readonly silentSince: Date | null;
  /** for people: what was seen */
  readonly message: string;
}

/** The penalty of an offline edge as its reputation event names it. */
export const OFFLINE_REASON = "offline";

/**
 * Writes the edge of a locked provider with its event, downtime, offers and reputation. Ring what it returns after the
 * commit.
 * @returns live executions to look at; null where the table has no such edge, or the machine was removed: nothing was
 *   written then
 */
export async function writePresenceEdge(
  tx: Tx,
  locked: ProviderRow,
  event: PresenceEvent,
  facts: EdgeFacts,
): Promise<ExecutionId[] | null> {
  if (locked.admission === "removed") return null; // nobody listens to it any more
  const presence = presenceAfter(locked.presence, event);
  if (presence === locked.presence) return null;
  const { now, message } = facts;
  if (presence === "offline") await goOffline(tx, locked, facts);
  else {
    await updateProvider(tx, locked.id, { presence, offlineSince: null, offlinePenalised: false });
    await closeDowntime(tx, locked.id, now);
    await recordEvent(tx, { subject: locked.id, code: `provider-${presence}`, message, at: now });
  }
  await recomputeOffers(tx, locked.id);
  return wakeLiveOn(tx, locked.id, now);
}

/** Only who was admitted has promised anything. An announced window that touches the silence keeps its price owed. */
async function goOffline(tx: Tx, locked: ProviderRow, { now, silentSince, message }: EdgeFacts): Promise<void> {
  const since = silentSince && silentSince < now ? silentSince : now;
  const windows = await windowsEndingAfter(tx, locked.id, since);
  const excused = touches(since, now, windows) && unexcusedMs(since, now, windows) < OFFLINE_AFTER_MS;
  const promised = locked.admission === "approved";
  await updateProvider(tx, locked.id, { presence: "offline", offlineSince: since, offlinePenalised: !excused });
  await openDowntime(tx, locked.id, since);
  const delta = promised && !excused ? await applyReputation(tx, locked, REPUTATION_OFFLINE, OFFLINE_REASON, now) : 0;
  await recordEvent(tx, {
    subject: locked.id,
    code: "provider-offline",
    message: excused ? `${message} Maintenance was announced: it costs nothing until that is over.` : message,
    data: { since: since.toISOString(), reputation_delta: delta, excused },
    at: now,
  });
}
