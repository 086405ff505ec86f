// The whole market in columns of numbers: filtered, ordered and counted in one pass each, however many offers there are.
// What it answers is the law of domain/placement/facets.ts; a test holds the two together.
import {
  DIMENSION_NAMES,
  DIMENSIONS,
  type Dimension,
  type Facets,
  MARKET_FILTER_NAMES,
  type MarketFilters,
  type MarketOffer,
  type MarketSort,
  mostCommon,
} from "../placement/facets.ts";
import { PROVIDER_STATUSES, RUNTIMES } from "../provider/state.ts";
import { Failing } from "./failing.ts";
import { comparedWith, comparison, type MarketPlace, placeIn, placeOf } from "./order.ts";
import { Rows } from "./rows.ts";

export interface MarketPage {
  readonly sort: MarketSort;
  /** null for the first page */
  readonly after: MarketPlace | null;
  readonly limit: number;
}

export interface MarketTotals {
  readonly freeGpus: number;
  readonly totalGpus: number;
  readonly inUseGpus: number;
  readonly providersOnline: number;
  readonly providers: number;
}

const AVAILABLE = PROVIDER_STATUSES.indexOf("available");

export class Market {
  private readonly rows = new Rows();
  private readonly failing = new Failing(this.rows);

  get size(): number {
    return this.rows.count;
  }

  /** Adds an offer. What the provider offered of this model before must be gone. */
  add(offer: MarketOffer): void {
    this.rows.add(offer);
  }

  /** Takes away all that a provider offers. */
  removeProvider(providerId: string): void {
    this.rows.removeProvider(providerId);
  }

  /** @param row below `size` */
  at(row: number): MarketOffer {
    return this.rows.at(row);
  }

  /** Where a row stands, to begin the next page after it. */
  placeOf(sort: MarketSort, row: number): MarketPlace {
    return placeOf(this.rows, sort, row);
  }

  /** Rows of one page. Offers with GPUs come first, then the sort's key, then the provider and the model. */
  page(filters: MarketFilters, nowMs: number, { sort, after, limit }: MarketPage): number[] {
    const fails = this.failing.examine(filters, nowMs);
    const { count } = this.rows;
    const begin = after ? comparedWith(this.rows, sort, after) : null;
    const compare = comparison(this.rows, sort);
    const best: number[] = [];
    for (let row = 0; row < count; row++) {
      if (fails[row] !== 0 || (begin && begin(row) <= 0)) continue;
      const worst = best[limit - 1];
      if (worst !== undefined && compare(row, worst) >= 0) continue;
      if (best.length === limit) best.pop();
      best.splice(placeIn(best, row, compare), 0, row);
    }
    return best;
  }

  facets(filters: MarketFilters, nowMs: number): Facets {
    const fails = this.failing.examine(filters, nowMs);
    const { count } = this.rows;
    const dimensions = DIMENSION_NAMES.map((name) => this.tally(name));
    const cores = this.rows.columns.coresOnly;
    const alone = new Float64Array(MARKET_FILTER_NAMES.length);
    let found = 0;
    for (let row = 0; row < count; row++) {
      const bits = fails[row] ?? 0;
      if (bits === 0) found++;
      else if ((bits & (bits - 1)) === 0) {
        const bit = 31 - Math.clz32(bits);
        alone[bit] = (alone[bit] ?? 0) + 1;
      }
      for (const { codes, counts, others, ofGpus } of dimensions) {
        if ((bits & others) !== 0 || (ofGpus && cores[row] === 1)) continue;
        const code = codes[row] ?? 0;
        counts[code] = (counts[code] ?? 0) + 1;
      }
    }
    const [gpu, region, status, runtime, vram] = dimensions.map(({ counts, value }) => named(counts, value));
    const removed = MARKET_FILTER_NAMES.flatMap((name, bit) => (alone[bit] ? [[name, alone[bit]] as const] : []));
    return {
      ...{ gpu: gpu ?? {}, region: region ?? {}, status: status ?? {}, runtime: runtime ?? {}, vram_mb: vram ?? {} },
      ...{ total: count, found, removed: Object.fromEntries(removed) },
    };
  }

  /** How many offers pass, and the least that one of them costs which could be rented now, in micro-USD. */
  cheapest(filters: MarketFilters, nowMs: number): { readonly found: number; readonly lowestPrice: number | null } {
    const fails = this.failing.examine(filters, nowMs);
    const { count, columns } = this.rows;
    const { status, coresOnly, freeGpus, freeCpuCores, price } = columns;
    const ofCores = isAboutCores(filters) ? 1 : 0;
    let [found, lowest] = [0, Number.POSITIVE_INFINITY];
    for (let row = 0; row < count; row++) {
      if (fails[row] !== 0) continue;
      found++;
      if (status[row] !== AVAILABLE || coresOnly[row] !== ofCores) continue;
      if (((ofCores ? freeCpuCores : freeGpus)[row] ?? 0) > 0) lowest = Math.min(lowest, price[row] ?? lowest);
    }
    return { found, lowestPrice: Number.isFinite(lowest) ? lowest : null };
  }

  /** Sums over everything. */
  totals(): MarketTotals {
    const { count, columns, rowsOf } = this.rows;
    const { status, freeGpus, totalGpus, inUseGpus } = columns;
    let [free, total, inUse, online] = [0, 0, 0, 0];
    for (let row = 0; row < count; row++) {
      if (status[row] === AVAILABLE) free += freeGpus[row] ?? 0;
      total += totalGpus[row] ?? 0;
      inUse += inUseGpus[row] ?? 0;
    }
    for (const [row = -1] of rowsOf.values()) if (status[row] === AVAILABLE) online++;
    return {
      ...{ freeGpus: free, totalGpus: total, inUseGpus: inUse },
      ...{ providersOnline: online, providers: rowsOf.size },
    };
  }

  /** What it takes to count one dimension. */
  private tally(dimension: Dimension): Tally {
    const own = DIMENSIONS[dimension].reduce((bits, name) => bits | (1 << MARKET_FILTER_NAMES.indexOf(name)), 0);
    const { columns, models, regions, vrams } = this.rows;
    const of = (codes: Float64Array, size: number, value: (code: number) => string, ofGpus = false): Tally => ({
      ...{ codes, counts: new Float64Array(size), others: ~own, value, ofGpus },
    });
    switch (dimension) {
      case "gpu":
        return of(columns.gpu, models.size, (code) => models.value(code), true);
      case "region":
        return of(columns.region, regions.size, (code) => regions.value(code));
      case "vram_mb":
        return of(columns.vram, vrams.size, (code) => vrams.value(code), true);
      case "status":
        return of(columns.status, PROVIDER_STATUSES.length, (code) => PROVIDER_STATUSES[code] ?? "");
      case "runtime":
        return of(columns.runtime, RUNTIMES.length, (code) => RUNTIMES[code] ?? "");
    }
  }
}

interface Tally {
  readonly codes: Float64Array;
  /** by code */
  readonly counts: Float64Array;
  /** the bits of all filters but the dimension's own */
  readonly others: number;
  readonly value: (code: number) => string;
  /** cores have none of it */
  readonly ofGpus: boolean;
}

/** A search that only cores can answer has the price of a core; every other one has the price of a GPU. */
export function isAboutCores(filters: MarketFilters): boolean {
  return filters.max_total_gpus === 0;
}

function named(counts: Float64Array, value: (code: number) => string) {
  const found = new Map<string, number>();
  counts.forEach((count, code) => {
    if (count > 0) found.set(value(code), count);
  });
  return mostCommon(found);
}
