// Providers as anyone may see them: no private address, no GPU UUID.
import { formatMicros } from "../../../domain/money/micros.ts";
import { providerStatus } from "../../../domain/provider/state.ts";
import type { ProviderView } from "../../../protocol/provider-views.ts";
import type { ShownProvider } from "../../repos/providers.ts";

/** Mining comes with workloads; until then no GPU mines. */
const NO_MINING = 0;

export function toProviderView({ provider, lastSeenAt, models, quarantine }: ShownProvider): ProviderView {
  return {
    id: provider.id,
    name: provider.name,
    owner: provider.owner,
    status: providerStatus(provider.admission, provider.presence, provider.drain, quarantine !== null),
    region: provider.region,
    reputation: provider.reputation,
    declared: provider.declared,
    sandboxed: provider.sandboxed,
    runtime: provider.runtime,
    os: provider.os,
    cpu_model: provider.cpuModel,
    cpu_cores: provider.cpuCores,
    memory_gb: provider.memoryGb,
    disk_gb: provider.diskGb,
    gpus: (models ?? []).map(({ model, vramMb, total, free, inUse }) => ({
      model,
      vram_mb: vramMb,
      total,
      available: free,
      in_use: inUse,
      mining: NO_MINING,
    })),
    price_per_gpu_hour: formatMicros(provider.pricePerGpuHour),
    price_per_cpu_hour: formatMicros(provider.pricePerCpuHour),
    agent_version: provider.agentVersion,
    created_at: provider.createdAt.toISOString(),
    last_seen_at: lastSeenAt?.toISOString() ?? null,
    offline_since: provider.offlineSince?.toISOString() ?? null,
  };
}
