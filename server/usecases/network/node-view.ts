// A provider as a node of the seed: a pure view over its rows.
import { nodeStatus } from "../../../domain/provider/node-status.ts";
import { providerStatus } from "../../../domain/provider/state.ts";
import { decayed, errorRate, isProven, NO_EVIDENCE } from "../../../domain/verification/evidence.ts";
import { type HeldBackBy, heldBackSentence } from "../../../domain/verification/held-back.ts";
import type { EvidenceView, NetworkNodeView } from "../../../protocol/node-views.ts";
import type { EvidenceRow, NodeRow } from "../../repos/network.ts";

/** Which job it works on is not told: those who share a panel must not find each other before the verdict. */
export function toNetworkNodeView(
  { shown, evidence, worker, executions }: NodeRow,
  heldBack: HeldBackBy | null,
  now: Date,
): NetworkNodeView {
  const { provider, lastSeenAt, models, quarantine } = shown;
  const status = providerStatus(provider.admission, provider.presence, provider.drain, quarantine !== null);
  const gpus = (models ?? []).map(({ model, vramMb, total, free }) => ({
    ...{ model, vram_mb: vramMb, total, available: free },
  }));
  const model = worker ? worker.gpuModel : gpus[0]?.model;
  const { jobsRun = 0, jobsGood = 0, jobsFailed = 0 } = evidence ?? {};
  return {
    id: worker?.nodeId ?? provider.id,
    name: worker?.name ?? provider.name,
    region: worker?.region ?? provider.region,
    cpu_cores: provider.cpuCores,
    memory_gb: provider.memoryGb,
    gpu_enabled: worker?.gpuEnabled ?? gpus.length > 0,
    ...(model ? { gpu_model: model } : {}),
    status: nodeStatus(status, executions),
    reputation_score: provider.reputation,
    total_jobs_run: jobsRun,
    successful_jobs_run: jobsGood,
    failed_jobs: jobsFailed,
    credits_earned: jobsGood,
    last_heartbeat: (lastSeenAt ?? provider.createdAt).toISOString(),
    registered_at: provider.createdAt.toISOString(),
    provider_id: provider.id,
    provider_name: provider.name,
    provider_status: status,
    owner: provider.owner,
    owner_short: `${provider.owner.slice(0, 6)}…${provider.owner.slice(-4)}`,
    runtime: provider.runtime,
    gpus,
    success_rate: jobsGood + jobsFailed > 0 ? jobsGood / (jobsGood + jobsFailed) : null,
    evidence: toEvidenceView(evidence, heldBack, now),
  };
}

function toEvidenceView(row: EvidenceRow | null, heldBack: HeldBackBy | null, now: Date): EvidenceView {
  const known = row ? decayed(row, now) : NO_EVIDENCE;
  const quarantined = row !== null && row.quarantinedAt !== null;
  return {
    verified: known.verified,
    bad: known.bad,
    streak: row?.streak ?? 0,
    error_rate: errorRate(known),
    proven: isProven(known),
    quarantined,
    quarantine_reason: quarantined && row.quarantineReason !== "" ? row.quarantineReason : null,
    held_back: heldBack && !quarantined ? heldBackSentence(heldBack) : null,
  };
}
