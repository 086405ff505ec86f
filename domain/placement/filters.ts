// Which offers fit a wish, filter by filter, so that a refusal can say what each of them removed.

import type { ProviderId } from "../ids.ts";
import { type Holding, quote } from "../money/quote.ts";
import { fitsBefore } from "../provider/maintenance.ts";
import { isExternal, isNode, type Runtime } from "../provider/state.ts";

/** One (provider, GPU model) with what is free on it, or a provider's CPU-only capacity (`gpuModel` null). */
export interface Offer {
  readonly providerId: ProviderId;
  readonly providerName: string;
  readonly gpuModel: string | null;
  readonly vramMb: number;
  readonly totalGpus: number;
  readonly freeGpus: number;
  readonly freeCpuCores: number;
  readonly freeMemoryGb: number;
  readonly freeDiskGb: number;
  readonly region: string;
  readonly reputation: number;
  /** approved and heard: may take work now */
  readonly available: boolean;
  /** start of the next announced maintenance, past while inside it; null where there is none */
  readonly busyFrom: Date | null;
  readonly sandboxed: boolean;
  readonly runtime: Runtime;
  /** micro-USD */
  readonly pricePerGpuHour: bigint;
  readonly pricePerCpuHour: bigint;
}

/** What placement needs to know of a wish. */
export interface PlacementWish extends Holding {
  readonly providerId: ProviderId | null;
  readonly gpuModel: string | null;
  /** of each GPU; 0 for any */
  readonly minVramMb: number;
  /** micro-USD per hour for everything; null for any */
  readonly maxRate: bigint | null;
  /** anonymous accounts run only where there is a sandbox */
  readonly needsSandbox: boolean;
  /** the latest moment at which it may still run: see `latestEnd` */
  readonly until: Date;
  /** how many GPUs more its account may hold on nodes of the cluster; see `TENANT_MAX_GPUS` */
  readonly nodeGpusLeft: number;
}

export function rateOf(wish: Holding, offer: Pick<Offer, "pricePerGpuHour" | "pricePerCpuHour">): bigint {
  return quote({ perGpuHour: offer.pricePerGpuHour, perCpuHour: offer.pricePerCpuHour }, wish);
}

/** Whether a tenant may hold that many more there: a cluster of many machines has a limit, a machine of its own has none. */
export function isWithinLimit(wish: Pick<PlacementWish, "gpuCount" | "nodeGpusLeft">, runtime: Runtime): boolean {
  return !isNode(runtime) || wish.gpuCount <= wish.nodeGpusLeft;
}

/** Every filter by the name that people see. CPU-only wishes fit CPU-only offers, GPU wishes the others. */
export const FILTERS = {
  provider: (wish, offer) => wish.providerId === null || offer.providerId === wish.providerId,
  gpu_type: (wish, offer) => wish.gpuModel === null || offer.gpuModel === wish.gpuModel,
  min_vram_mb: (wish, offer) => offer.vramMb >= wish.minVramMb,
  gpu_count: (wish, offer) => offer.freeGpus >= wish.gpuCount,
  cpu_cores: (wish, offer) => offer.freeCpuCores >= wish.cpuCores,
  memory_gb: (wish, offer) => offer.freeMemoryGb >= wish.memoryGb,
  storage_gb: (wish, offer) => offer.freeDiskGb >= wish.diskGb,
  max_price: (wish, offer) => wish.maxRate === null || rateOf(wish, offer) <= wish.maxRate,
  status: (_wish, offer) => offer.available,
  sandbox: (wish, offer) => !wish.needsSandbox || offer.sandboxed,
  duration: (wish, offer) => fitsBefore(offer.busyFrom, wish.until),
  tenant_limit: (wish, offer) => isWithinLimit(wish, offer.runtime),
} as const satisfies Record<string, (wish: PlacementWish, offer: Offer) => boolean>;

export type FilterName = keyof typeof FILTERS;
export const FILTER_NAMES = Object.keys(FILTERS).filter((name): name is FilterName => name in FILTERS);

/** Whether an offer is of the kind the wish is about at all: GPUs, or cores only, of a machine that can be rented. */
export function isOfKind(wish: PlacementWish, offer: Offer): boolean {
  return !isExternal(offer.runtime) && (offer.gpuModel === null) === (wish.gpuCount === 0);
}
