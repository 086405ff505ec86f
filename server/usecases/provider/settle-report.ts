// What a report changes about its provider: an edge of presence, a GPU that went or came, another machine than before.
import type { ProviderId } from "../../../domain/ids.ts";
import { type Presence, presenceAfter } from "../../../domain/provider/state.ts";
import type { Deps, Tx } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { lockGpus, markGpusAbsent, upsertGpus } from "../../repos/gpus.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { reportsGhosts, sequenceOf, wakeLiveOn } from "../../repos/presence.ts";
import { lockProviderRow, updateProvider } from "../../repos/providers.ts";
import { changesAnything, gpuColumns, type InventoryChanges, inventoryChanges, type Machine } from "./inventory.ts";
import type { Taken } from "./presence-batch.ts";

export interface Report {
  readonly seq: number;
  readonly machine: Machine;
  readonly agentVersion: string;
}

/** Whether a report may change its provider's row. Almost none does: beats must not touch the row that rents lock. */
export function needsSettling({ provider, gpus }: Taken, { machine, agentVersion }: Report): boolean {
  return provider.presence !== "online" || changesAnything(inventoryChanges(provider, gpus, machine, agentVersion));
}

/** Looks again under the lock and writes what the report changes. Safe to repeat: it compares states, not steps. */
export async function settleReport(
  { db, clock, ids, queue }: Pick<Deps, "db" | "clock" | "ids" | "queue">,
  providerId: ProviderId,
  report: Report,
): Promise<void> {
  const now = clock.now();
  const woken = await db.transaction(async (tx) => {
    const provider = await lockProviderRow(tx, providerId);
    // A newer beat has been taken since: its own look says more than this one.
    if (!provider || (await sequenceOf(tx, providerId)) !== report.seq) return [];
    const changes = inventoryChanges(provider, await lockGpus(tx, providerId), report.machine, report.agentVersion);
    const ghosts = await reportsGhosts(tx, providerId);
    const presence = presenceAfter(provider.presence, ghosts ? "fullReport" : "cleanReport");
    const edge = presence !== provider.presence;
    if (!edge && !changesAnything(changes)) return [];
    const set = { ...changes.provider, ...(edge ? { presence, offlineSince: null } : {}) };
    if (Object.keys(set).length > 0) await updateProvider(tx, providerId, set);
    await writeGpus(tx, ids, providerId, changes, now);
    if (edge) await recordEvent(tx, { subject: providerId, ...told(presence, provider.name), at: now });
    await recomputeOffers(tx, providerId);
    return edge ? wakeLiveOn(tx, providerId, now) : [];
  });
  await Promise.all(woken.map((id) => queue.ring("execution.reconcile", { id })));
}

async function writeGpus(
  tx: Tx,
  ids: Deps["ids"],
  providerId: ProviderId,
  { lost, back, added, written }: InventoryChanges,
  at: Date,
): Promise<void> {
  await markGpusAbsent(
    tx,
    lost.map((gpu) => gpu.id),
  );
  await upsertGpus(
    tx,
    written.map((gpu) => ({ id: ids.next("gpu"), providerId, ...gpuColumns(gpu) })),
  );
  const tell = (code: string, message: string, { index, model }: { index: number; model: string }) =>
    recordEvent(tx, { subject: providerId, code, message, data: { index, model }, at });
  for (const gpu of lost) await tell("gpu-lost", `GPU ${gpu.index} (${gpu.model}) is gone from the report.`, gpu);
  for (const gpu of back) await tell("gpu-back", `GPU ${gpu.index} (${gpu.model}) is back.`, gpu);
  for (const gpu of added) await tell("gpu-added", `GPU ${gpu.index} (${gpu.model}) was added.`, gpu);
}

function told(presence: Presence, name: string): { code: string; message: string } {
  return presence === "online"
    ? { code: "provider-online", message: `${name} is online.` }
    : { code: "provider-joined", message: `${name} is back, but still runs what has ended; it takes nothing new yet.` };
}
