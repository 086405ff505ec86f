// The market's filters, and what they leave: counts per value, and what each of them alone keeps away.
import type { ProviderId } from "../ids.ts";
import type { ProviderStatus } from "../provider/state.ts";

/** An offer as the market sorts and filters it. */
export interface MarketOffer {
  readonly providerId: ProviderId;
  /** null: cores only */
  readonly gpuModel: string | null;
  readonly vramMb: number;
  readonly freeGpus: number;
  readonly freeCpuCores: number;
  readonly freeMemoryGb: number;
  readonly freeDiskGb: number;
  readonly region: string;
  readonly reputation: number;
  readonly status: ProviderStatus;
  /** micro-USD an hour: of a GPU, or of a core where there are cores only */
  readonly unitPrice: bigint;
}

/** What each filter asks for. */
interface MarketAsks {
  readonly gpu: string;
  readonly min_vram_mb: number;
  readonly min_gpus: number;
  readonly min_cpu: number;
  /** MB */
  readonly min_ram: number;
  /** GB */
  readonly min_disk: number;
  /** micro-USD, of the unit price */
  readonly max_price: bigint;
  readonly region: string;
  readonly min_reputation: number;
  readonly status: ProviderStatus;
}
export type MarketFilterName = keyof MarketAsks;

/** What is undefined is not asked. */
export type MarketFilters = { readonly [N in MarketFilterName]?: MarketAsks[N] | undefined };

type MarketRules = { readonly [N in MarketFilterName]: (asked: MarketAsks[N], offer: MarketOffer) => boolean };

/** The rule of every filter, by the name it has on the wire. */
export const MARKET_RULES: MarketRules = {
  gpu: (model, offer) => offer.gpuModel === model,
  min_vram_mb: (least, offer) => offer.vramMb >= least,
  min_gpus: (least, offer) => offer.freeGpus >= least,
  min_cpu: (least, offer) => offer.freeCpuCores >= least,
  min_ram: (least, offer) => offer.freeMemoryGb * 1024 >= least,
  min_disk: (least, offer) => offer.freeDiskGb >= least,
  max_price: (most, offer) => offer.unitPrice <= most,
  region: (region, offer) => offer.region === region,
  min_reputation: (least, offer) => offer.reputation >= least,
  status: (status, offer) => offer.status === status,
};
export const MARKET_FILTER_NAMES = Object.keys(MARKET_RULES).filter(
  (name): name is MarketFilterName => name in MARKET_RULES,
);

export interface Facets {
  /** how many offers each value has under the other filters; cores-only offers have no model */
  readonly gpu: Readonly<Record<string, number>>;
  readonly region: Readonly<Record<string, number>>;
  /** offers in all, before any filter */
  readonly total: number;
  /** for each filter, how many offers would return if only that one were dropped; those that remove none are absent */
  readonly removed: Readonly<Partial<Record<MarketFilterName, number>>>;
}

interface Check {
  readonly name: MarketFilterName;
  readonly passes: (offer: MarketOffer) => boolean;
}

function checks(filters: MarketFilters): Check[] {
  const check = <N extends MarketFilterName>(name: N): Check[] => {
    const asked = filters[name];
    const rule = MARKET_RULES[name];
    return asked === undefined ? [] : [{ name, passes: (offer) => rule(asked, offer) }];
  };
  return MARKET_FILTER_NAMES.flatMap((name) => check(name));
}

/** Whether an offer passes every filter that is asked. */
export function isOnMarket(filters: MarketFilters, offer: MarketOffer): boolean {
  return checks(filters).every(({ passes }) => passes(offer));
}

export function facets(filters: MarketFilters, offers: readonly MarketOffer[]): Facets {
  const asked = checks(filters);
  const gpu = new Map<string, number>();
  const region = new Map<string, number>();
  const removed: Partial<Record<MarketFilterName, number>> = {};
  for (const offer of offers) {
    const alone = onlyFailing(asked, offer);
    if (alone === "several") continue;
    if (alone) removed[alone] = (removed[alone] ?? 0) + 1;
    if ((alone === null || alone === "gpu") && offer.gpuModel !== null)
      gpu.set(offer.gpuModel, (gpu.get(offer.gpuModel) ?? 0) + 1);
    if (alone === null || alone === "region") region.set(offer.region, (region.get(offer.region) ?? 0) + 1);
  }
  return { gpu: Object.fromEntries(gpu), region: Object.fromEntries(region), total: offers.length, removed };
}

/** @returns the one filter that keeps the offer away; null where none does */
function onlyFailing(asked: readonly Check[], offer: MarketOffer): MarketFilterName | "several" | null {
  let failing: MarketFilterName | null = null;
  for (const { name, passes } of asked) {
    if (passes(offer)) continue;
    if (failing) return "several";
    failing = name;
  }
  return failing;
}
