// The market's filters, and what they leave: counts per value, and what each of them alone keeps away.
// This is the law, offer by offer; domain/search/market.ts does the same by columns, and a test holds the two together.
import type { ProviderId } from "../ids.ts";
import type { ProviderStatus, Runtime } from "../provider/state.ts";

/** An offer as the market knows it. */
export interface MarketOffer {
  readonly providerId: ProviderId;
  readonly providerName: string;
  /** null: cores only */
  readonly gpuModel: string | null;
  readonly vramMb: number;
  readonly totalGpus: number;
  readonly freeGpus: number;
  readonly inUseGpus: number;
  readonly freeCpuCores: number;
  readonly freeMemoryGb: number;
  readonly freeDiskGb: number;
  readonly region: string;
  readonly reputation: number;
  readonly status: ProviderStatus;
  readonly runtime: Runtime;
  readonly declared: boolean;
  readonly sandboxed: boolean;
  /** start of the next announced maintenance, past while inside it; null for none */
  readonly busyFrom: Date | null;
  readonly offlineSince: Date | null;
  /** micro-USD, below 2^53 */
  readonly pricePerGpuHour: bigint;
  readonly pricePerCpuHour: bigint;
}

/** micro-USD an hour: of a GPU, or of a core where there are cores only. */
export function unitPrice(offer: MarketOffer): bigint {
  return offer.gpuModel === null ? offer.pricePerCpuHour : offer.pricePerGpuHour;
}

type List<T = string> = readonly T[];

/** What each filter asks for. A list is met by any of its values; `not_` by none of them. */
interface MarketAsks {
  readonly gpu: List;
  readonly not_gpu: List;
  readonly min_vram_mb: number;
  readonly max_vram_mb: number;
  /** GPUs that are free */
  readonly min_gpus: number;
  readonly max_gpus: number;
  readonly min_total_gpus: number;
  readonly max_total_gpus: number;
  /** cores, MB and GB that are free */
  readonly min_cpu: number;
  readonly max_cpu: number;
  readonly min_ram: number;
  readonly max_ram: number;
  readonly min_disk: number;
  readonly max_disk: number;
  /** micro-USD, of the unit price */
  readonly min_price: bigint;
  readonly max_price: bigint;
  readonly region: List;
  readonly not_region: List;
  readonly min_reputation: number;
  readonly max_reputation: number;
  readonly status: List<ProviderStatus>;
  readonly runtime: List<Runtime>;
  readonly provider: List;
  readonly declared: boolean;
  readonly sandboxed: boolean;
  /** no announced maintenance begins before so many hours have passed */
  readonly hours: number;
}
export type MarketFilterName = keyof MarketAsks;

/** What is undefined is not asked. */
export type MarketFilters = { readonly [N in MarketFilterName]?: MarketAsks[N] | undefined };

type MarketRules = {
  readonly [N in MarketFilterName]: (asked: MarketAsks[N], offer: MarketOffer, nowMs: number) => boolean;
};

export const HOUR_MS = 3_600_000;

/** The rule of every filter, by the name it has on the wire. */
export const MARKET_RULES: MarketRules = {
  gpu: (models, { gpuModel }) => gpuModel !== null && models.includes(gpuModel),
  not_gpu: (models, { gpuModel }) => gpuModel === null || !models.includes(gpuModel),
  min_vram_mb: (least, { vramMb }) => vramMb >= least,
  max_vram_mb: (most, { vramMb }) => vramMb <= most,
  min_gpus: (least, { freeGpus }) => freeGpus >= least,
  max_gpus: (most, { freeGpus }) => freeGpus <= most,
  min_total_gpus: (least, { totalGpus }) => totalGpus >= least,
  max_total_gpus: (most, { totalGpus }) => totalGpus <= most,
  min_cpu: (least, { freeCpuCores }) => freeCpuCores >= least,
  max_cpu: (most, { freeCpuCores }) => freeCpuCores <= most,
  min_ram: (least, { freeMemoryGb }) => freeMemoryGb * 1024 >= least,
  max_ram: (most, { freeMemoryGb }) => freeMemoryGb * 1024 <= most,
  min_disk: (least, { freeDiskGb }) => freeDiskGb >= least,
  max_disk: (most, { freeDiskGb }) => freeDiskGb <= most,
  min_price: (least, offer) => unitPrice(offer) >= least,
  max_price: (most, offer) => unitPrice(offer) <= most,
  region: (regions, { region }) => regions.includes(region),
  not_region: (regions, { region }) => !regions.includes(region),
  min_reputation: (least, { reputation }) => reputation >= least,
  max_reputation: (most, { reputation }) => reputation <= most,
  status: (statuses, { status }) => statuses.includes(status),
  runtime: (runtimes, { runtime }) => runtimes.includes(runtime),
  provider: (ids, { providerId }) => ids.includes(providerId),
  declared: (declared, offer) => offer.declared === declared,
  sandboxed: (sandboxed, offer) => offer.sandboxed === sandboxed,
  hours: (hours, { busyFrom }, nowMs) => busyFrom === null || busyFrom.getTime() >= nowMs + hours * HOUR_MS,
};
export const MARKET_FILTER_NAMES = Object.keys(MARKET_RULES).filter(
  (name): name is MarketFilterName => name in MARKET_RULES,
);

/** What is counted by value, and the filters that ask about that very thing: a count leaves them out. */
export const DIMENSIONS = {
  gpu: ["gpu", "not_gpu"],
  region: ["region", "not_region"],
  status: ["status"],
  runtime: ["runtime"],
  vram_mb: ["min_vram_mb", "max_vram_mb"],
} as const satisfies Record<string, readonly MarketFilterName[]>;
export type Dimension = keyof typeof DIMENSIONS;
export const DIMENSION_NAMES = ["gpu", "region", "status", "runtime", "vram_mb"] as const satisfies Dimension[];

/** Values of a dimension that are told, the most common ones: machines name their models and regions themselves. */
export const MOST_VALUES = 200;

export type Counts = Readonly<Record<string, number>>;

export interface Facets extends Readonly<Record<Dimension, Counts>> {
  /** offers in all, before any filter */
  readonly total: number;
  /** offers that pass every filter */
  readonly found: number;
  /** for each filter, how many offers would return if only that one were dropped; those that remove none are absent */
  readonly removed: Readonly<Partial<Record<MarketFilterName, number>>>;
}

function failing(filters: MarketFilters, offer: MarketOffer, nowMs: number): MarketFilterName[] {
  const fails = <N extends MarketFilterName>(name: N): boolean => {
    const asked = filters[name];
    return asked !== undefined && !MARKET_RULES[name](asked, offer, nowMs);
  };
  return MARKET_FILTER_NAMES.filter((name) => fails(name));
}

/** Whether an offer passes every filter that is asked. */
export function isOnMarket(filters: MarketFilters, offer: MarketOffer, nowMs: number): boolean {
  return failing(filters, offer, nowMs).length === 0;
}

/** The value an offer is counted under; null where it has none. */
function shownValue(dimension: Dimension, offer: MarketOffer): string | null {
  switch (dimension) {
    case "gpu":
      return offer.gpuModel;
    case "vram_mb":
      return offer.gpuModel === null ? null : String(offer.vramMb);
    default:
      return offer[dimension];
  }
}

export function facets(filters: MarketFilters, offers: readonly MarketOffer[], nowMs: number): Facets {
  const counts = Object.fromEntries(DIMENSION_NAMES.map((name) => [name, new Map<string, number>()]));
  const removed: Partial<Record<MarketFilterName, number>> = {};
  let found = 0;
  for (const offer of offers) {
    const fails = failing(filters, offer, nowMs);
    const [alone] = fails;
    if (alone === undefined) found++;
    else if (fails.length === 1) removed[alone] = (removed[alone] ?? 0) + 1;
    for (const dimension of DIMENSION_NAMES) {
      const own: readonly MarketFilterName[] = DIMENSIONS[dimension];
      const value = shownValue(dimension, offer);
      if (value === null || !fails.every((name) => own.includes(name))) continue;
      const count = counts[dimension];
      count?.set(value, (count.get(value) ?? 0) + 1);
    }
  }
  const told = (dimension: Dimension) => mostCommon(counts[dimension] ?? new Map());
  return {
    gpu: told("gpu"),
    region: told("region"),
    status: told("status"),
    runtime: told("runtime"),
    vram_mb: told("vram_mb"),
    total: offers.length,
    found,
    removed,
  };
}

/** The most common values, equal ones by name; a value that is "__proto__" is one like any other. */
export function mostCommon(counts: ReadonlyMap<string, number>): Counts {
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return Object.fromEntries(sorted.slice(0, MOST_VALUES));
}

export const MARKET_SORTS = ["price", "-price", "reputation", "gpus", "vram", "value"] as const;
export type MarketSort = (typeof MARKET_SORTS)[number];

/** Behind everything that has a price per GB of VRAM. */
const NO_VALUE = Number.MAX_SAFE_INTEGER;

/** Every sort as a whole number that grows along the list. `value`: micro-USD per GB of VRAM, or the price of a core. */
export function sortKey(sort: MarketSort, offer: MarketOffer): number {
  switch (sort) {
    case "price":
      return Number(unitPrice(offer));
    case "-price":
      return -Number(unitPrice(offer));
    case "reputation":
      return -offer.reputation;
    case "gpus":
      return -offer.freeGpus;
    case "vram":
      return -offer.vramMb;
    case "value":
      return valueKey(Number(unitPrice(offer)), offer.vramMb, offer.gpuModel === null);
  }
}

export function valueKey(price: number, vramMb: number, coresOnly: boolean): number {
  if (coresOnly) return price;
  return vramMb > 0 ? Math.min(NO_VALUE, Math.floor((price / vramMb) * 1024)) : NO_VALUE;
}
