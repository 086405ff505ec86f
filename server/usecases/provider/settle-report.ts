// What a report changes about its provider: an edge of presence, a GPU that went or came, another machine than before.
import type { ExecutionId, JobId, ProviderId } from "../../../domain/ids.ts";
import { isNode } from "../../../domain/provider/state.ts";
import type { Deps, Tx } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { type GpuRow, jobsOfHolders, lockGpus, markGpusAbsent, upsertGpus } from "../../repos/gpus.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { reportsGhosts, sequenceOf } from "../../repos/presence.ts";
import { lockProviderRow, type ProviderRow, updateProvider } from "../../repos/providers.ts";
import { alterations, changesAnything, gpuColumns, type InventoryChanges, inventoryChanges } from "./inventory.ts";
import type { MachineFacts } from "./known-machines.ts";
import type { Taken } from "./presence-batch.ts";
import { writePresenceEdge } from "./presence-edge.ts";

/** Whether a report may change its provider's row. Almost none does: beats must not touch the row that rents lock. */
export function needsSettling({ standing, altered }: Taken): boolean {
  return altered || (standing.presence !== "online" && !isNode(standing.runtime));
}

/** Looks again under the lock and writes what the report changes. Safe to repeat: it compares states, not steps. */
export async function settleReport(
  { db, clock, ids, queue }: Pick<Deps, "db" | "clock" | "ids" | "queue">,
  providerId: ProviderId,
  report: MachineFacts & { readonly seq: number },
): Promise<void> {
  const now = clock.now();
  const woken = await db.transaction(async (tx) => {
    const provider = await lockProviderRow(tx, providerId);
    // A newer beat has been taken since: its own look says more than this one.
    if (!provider || provider.admission === "removed" || (await sequenceOf(tx, providerId)) !== report.seq) return [];
    const changes = inventoryChanges(provider, await lockGpus(tx, providerId), report.machine, report.agentVersion);
    const changed = changesAnything(changes);
    if (changed) await writeChanges(tx, ids, provider, changes, report.agentVersion, now);
    const woken = await settlePresence(tx, provider, now);
    if (changed && !woken) await recomputeOffers(tx, providerId);
    return woken ?? [];
  });
  await Promise.all(woken.map((id) => queue.ring("execution.reconcile", { id })));
}

/** A node's presence is what its cluster shows; a beat says nothing about it. @returns null where there is no edge */
async function settlePresence(tx: Tx, provider: ProviderRow, now: Date): Promise<ExecutionId[] | null> {
  if (isNode(provider.runtime)) return null;
  const ghosts = await reportsGhosts(tx, provider.id);
  const message = ghosts
    ? `${provider.name} is back, but still runs what has ended; it takes nothing new yet.`
    : `${provider.name} is online.`;
  return writePresenceEdge(tx, provider, ghosts ? "fullReport" : "cleanReport", { now, silentSince: null, message });
}

async function writeChanges(
  tx: Tx,
  ids: Deps["ids"],
  provider: ProviderRow,
  changes: InventoryChanges,
  agentVersion: string,
  at: Date,
): Promise<void> {
  const { lost, back, added, written } = changes;
  // Also where only a GPU changed: the row's version tells every process that what it knows is old.
  await updateProvider(tx, provider.id, { ...changes.provider, agentVersion });
  await markGpusAbsent(
    tx,
    lost.map((gpu) => gpu.id),
  );
  await upsertGpus(
    tx,
    written.map((gpu) => ({ id: ids.next("gpu"), providerId: provider.id, ...gpuColumns(gpu) })),
  );
  const jobs = await jobsOfHolders(tx, [...lost, ...back]);
  const tell = (code: string, message: string, { index, model }: { index: number; model: string }) =>
    recordEvent(tx, { subject: provider.id, code, message, data: { index, model }, at });
  for (const gpu of lost) {
    const job = holderOf(gpu, jobs);
    if (job === null) await tell("gpu-lost", `GPU ${gpu.index} (${gpu.model}) is gone from the report.`, gpu);
    else await tellVanished(tx, gpu, job, at);
  }
  for (const gpu of back) {
    const job = holderOf(gpu, jobs);
    await tell("gpu-back", `GPU ${gpu.index} (${gpu.model}) is back.`, gpu);
    if (job !== null) await tellJobOfReturn(tx, gpu, job, at);
  }
  for (const gpu of added) await tell("gpu-added", `GPU ${gpu.index} (${gpu.model}) was added.`, gpu);
  const told = alterations(provider, changes);
  if (told.length === 0) return;
  const message = `The machine changed: ${told.map(({ words }) => words).join(", ")}.`;
  const fields = [...new Set(told.map(({ field }) => field))].join(", ");
  await recordEvent(tx, { subject: provider.id, code: "machine-changed", message, data: { fields }, at });
}

function holderOf({ executionId }: GpuRow, jobs: ReadonlyMap<ExecutionId, JobId>): JobId | null {
  return executionId === null ? null : (jobs.get(executionId) ?? null);
}

/** An incident, not an end: the execution goes on unless its own report, or its customer, ends it. */
async function tellVanished(tx: Tx, gpu: GpuRow, job: JobId, at: Date): Promise<void> {
  const { index, model, providerId, executionId } = gpu;
  await recordEvent(tx, {
    subject: providerId,
    code: "gpu-vanished",
    message: `GPU ${index} (${model}) is gone from the report while a job holds it. Look at the driver and the power.`,
    data: { index, model, job_id: job, execution_id: executionId },
    at,
  });
  await recordEvent(tx, {
    subject: job,
    code: "gpu-vanished",
    message: `GPU ${index} of this job is gone from the provider's report. It goes on there until it ends or is stopped.`,
    data: { index, model, provider_id: providerId },
    at,
  });
}

async function tellJobOfReturn(tx: Tx, { index, model, providerId }: GpuRow, job: JobId, at: Date): Promise<void> {
  await recordEvent(tx, {
    subject: job,
    code: "gpu-back",
    message: `GPU ${index} of this job is back in the provider's report. What ran on it may have to be started again.`,
    data: { index, model, provider_id: providerId },
    at,
  });
}
