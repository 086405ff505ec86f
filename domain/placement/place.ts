// The exact check under the lock: which GPUs, at which rate, or not at all.
import type { GpuId, ProviderId } from "../ids.ts";
import { fitsBefore } from "../provider/maintenance.ts";
import { isExternal, type Runtime } from "../provider/state.ts";
import { isWithinLimit, type PlacementWish, rateOf } from "./filters.ts";

/** A provider as it stands under its lock. Free cores, memory and disk are total minus live executions. */
export interface ProviderRoom {
  readonly id: ProviderId;
  readonly available: boolean;
  /** start of the next announced maintenance, past while inside it; null where there is none */
  readonly busyFrom: Date | null;
  readonly runtime: Runtime;
  readonly sandboxed: boolean;
  readonly pricePerGpuHour: bigint;
  readonly pricePerCpuHour: bigint;
  readonly freeCpuCores: number;
  readonly freeMemoryGb: number;
  readonly freeDiskGb: number;
  readonly gpus: readonly {
    readonly id: GpuId;
    readonly index: number;
    readonly uuid: string;
    readonly model: string;
    readonly vramMb: number;
    readonly held: boolean;
    readonly present: boolean;
  }[];
}

export interface Spot {
  readonly providerId: ProviderId;
  readonly gpuIds: readonly GpuId[];
  readonly gpuUuids: readonly string[];
  readonly gpuModel: string | null;
  /** micro-USD per hour */
  readonly rate: bigint;
}

/**
 * Finds room for the wish on a locked provider.
 * @param gpuModel the model of the offer being tried; null for CPU-only
 * @returns null where it does not fit any more
 */
export function place(wish: PlacementWish, provider: ProviderRoom, gpuModel: string | null): Spot | null {
  const rate = rateOf(wish, provider);
  const free = provider.gpus
    .filter((gpu) => gpu.model === gpuModel && gpu.present && !gpu.held && gpu.vramMb >= wish.minVramMb)
    .sort((a, b) => a.index - b.index)
    .slice(0, wish.gpuCount);
  const fits =
    provider.available &&
    !isExternal(provider.runtime) &&
    (provider.sandboxed || !wish.needsSandbox) &&
    fitsBefore(provider.busyFrom, wish.until) &&
    isWithinLimit(wish, provider.runtime) &&
    free.length === wish.gpuCount &&
    provider.freeCpuCores >= wish.cpuCores &&
    provider.freeMemoryGb >= wish.memoryGb &&
    provider.freeDiskGb >= wish.diskGb &&
    (wish.maxRate === null || rate <= wish.maxRate);
  if (!fits) return null;
  return {
    providerId: provider.id,
    gpuIds: free.map((gpu) => gpu.id),
    gpuUuids: free.map((gpu) => gpu.uuid),
    gpuModel: wish.gpuCount > 0 ? gpuModel : null,
    rate,
  };
}
