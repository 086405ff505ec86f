// An offer as anyone may see it.
import { formatMicros } from "../../../domain/money/micros.ts";
import type { MarketOffer } from "../../../domain/placement/facets.ts";
import type { OfferView } from "../../../protocol/market-views.ts";

/** Mining comes with workloads; until then no GPU mines. */
const NO_MINING = 0;

export function toOfferView(offer: MarketOffer): OfferView {
  return {
    provider_id: offer.providerId,
    provider_name: offer.providerName,
    gpu_model: offer.gpuModel,
    gpu_vram_mb: offer.vramMb,
    total_gpus: offer.totalGpus,
    available_gpus: offer.freeGpus,
    in_use_gpus: offer.inUseGpus,
    mining_gpus: NO_MINING,
    declared: offer.declared,
    sandboxed: offer.sandboxed,
    runtime: offer.runtime,
    cpu_cores_free: offer.freeCpuCores,
    memory_gb_free: offer.freeMemoryGb,
    disk_gb_free: offer.freeDiskGb,
    region: offer.region,
    reputation: offer.reputation,
    status: offer.status,
    busy_from: offer.busyFrom?.toISOString() ?? null,
    offline_since: offer.offlineSince?.toISOString() ?? null,
    price_per_gpu_hour: formatMicros(offer.pricePerGpuHour),
    price_per_cpu_hour: formatMicros(offer.pricePerCpuHour),
  };
}
