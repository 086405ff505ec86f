// The whole market in columns of numbers: filtered, ordered and counted in one pass each, however many offers there are.
// What it answers is the law of domain/placement/facets.ts; a test holds the two together.
import type { ProviderId } from "../ids.ts";
import {
  DIMENSION_NAMES,
  DIMENSIONS,
  type Dimension,
  type Facets,
  HOUR_MS,
  MARKET_FILTER_NAMES,
  type MarketFilterName,
  type MarketFilters,
  type MarketOffer,
  type MarketSort,
  mostCommon,
  unitPrice,
  valueKey,
} from "../placement/facets.ts";
import { PROVIDER_STATUSES, RUNTIMES } from "../provider/state.ts";
import { BOUNDS, COLUMNS, type ColumnName, columnsOf, isRange, SORTED_BY } from "./columns.ts";
import { Dictionary } from "./dictionary.ts";

/** Where a page ended. */
export interface MarketPlace {
  readonly coresOnly: boolean;
  readonly key: number;
  readonly providerId: string;
  /** "" for cores only */
  readonly gpuModel: string;
}

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

const FIRST_CAPACITY = 1024;
const AVAILABLE = PROVIDER_STATUSES.indexOf("available");

export class Market {
  private columns = columnsOf(FIRST_CAPACITY);
  private capacity = FIRST_CAPACITY;
  private count = 0;
  private readonly providerIds: ProviderId[] = [];
  private readonly names: string[] = [];
  /** the rows of each provider */
  private readonly rowsOf = new Map<string, number[]>();
  /** "" first: cores only */
  private readonly models = new Dictionary();
  private readonly regions = new Dictionary();
  private readonly vrams = new Dictionary();
  /** a bit for each filter that a row fails; filled by `examine`, good until it is called again */
  private fails = new Int32Array(FIRST_CAPACITY);

  constructor() {
    this.models.add("");
  }

  get size(): number {
    return this.count;
  }

  /** Adds an offer. What the provider offered of this model before must be gone. */
  add(offer: MarketOffer): void {
    if (this.count === this.capacity) this.grow();
    const row = this.count++;
    const { columns } = this;
    const coresOnly = offer.gpuModel === null;
    const price = Number(unitPrice(offer));
    columns.gpu[row] = this.models.add(offer.gpuModel ?? "");
    columns.region[row] = this.regions.add(offer.region);
    columns.vram[row] = this.vrams.add(String(offer.vramMb));
    columns.status[row] = PROVIDER_STATUSES.indexOf(offer.status);
    columns.runtime[row] = RUNTIMES.indexOf(offer.runtime);
    columns.vramMb[row] = offer.vramMb;
    columns.totalGpus[row] = offer.totalGpus;
    columns.freeGpus[row] = offer.freeGpus;
    columns.inUseGpus[row] = offer.inUseGpus;
    columns.freeCpuCores[row] = offer.freeCpuCores;
    columns.freeMemoryGb[row] = offer.freeMemoryGb;
    columns.freeDiskGb[row] = offer.freeDiskGb;
    columns.reputation[row] = offer.reputation;
    columns.declared[row] = offer.declared ? 1 : 0;
    columns.sandboxed[row] = offer.sandboxed ? 1 : 0;
    columns.coresOnly[row] = coresOnly ? 1 : 0;
    columns.pricePerGpuHour[row] = Number(offer.pricePerGpuHour);
    columns.pricePerCpuHour[row] = Number(offer.pricePerCpuHour);
    columns.busyFromMs[row] = offer.busyFrom?.getTime() ?? Number.POSITIVE_INFINITY;
    columns.offlineSinceMs[row] = offer.offlineSince?.getTime() ?? Number.NaN;
    columns.price[row] = price;
    columns.value[row] = valueKey(price, offer.vramMb, coresOnly);
    this.providerIds[row] = offer.providerId;
    this.names[row] = offer.providerName;
    const rows = this.rowsOf.get(offer.providerId);
    if (rows) rows.push(row);
    else this.rowsOf.set(offer.providerId, [row]);
  }

  /** Takes away all that a provider offers. */
  removeProvider(providerId: string): void {
    const rows = this.rowsOf.get(providerId);
    if (!rows) return;
    this.rowsOf.delete(providerId);
    for (const row of rows.toSorted((a, b) => b - a)) this.dropRow(row);
  }

  /** The last row takes the place of the dropped one. */
  private dropRow(row: number): void {
    const last = --this.count;
    const [moved, name] = [this.providerIds.pop(), this.names.pop()];
    if (row === last || moved === undefined || name === undefined) return;
    for (const column of COLUMNS) this.columns[column][row] = this.columns[column][last] ?? 0;
    this.providerIds[row] = moved;
    this.names[row] = name;
    const rows = this.rowsOf.get(moved);
    if (rows) rows[rows.indexOf(last)] = row;
  }

  private grow(): void {
    this.capacity *= 2;
    const wider = columnsOf(this.capacity);
    for (const column of COLUMNS) wider[column].set(this.columns[column]);
    this.columns = wider;
    this.fails = new Int32Array(this.capacity);
  }

  /** @param row below `size` */
  at(row: number): MarketOffer {
    const { columns } = this;
    const providerId = this.providerIds[row];
    if (providerId === undefined || row >= this.count) throw new RangeError(`the market has no row ${row}`);
    const of = (column: ColumnName): number => columns[column][row] ?? 0;
    return {
      providerId,
      providerName: this.names[row] ?? "",
      gpuModel: of("coresOnly") === 1 ? null : this.models.value(of("gpu")),
      vramMb: of("vramMb"),
      totalGpus: of("totalGpus"),
      freeGpus: of("freeGpus"),
      inUseGpus: of("inUseGpus"),
      freeCpuCores: of("freeCpuCores"),
      freeMemoryGb: of("freeMemoryGb"),
      freeDiskGb: of("freeDiskGb"),
      region: this.regions.value(of("region")),
      reputation: of("reputation"),
      status: PROVIDER_STATUSES[of("status")] ?? "offline",
      runtime: RUNTIMES[of("runtime")] ?? "process",
      declared: of("declared") === 1,
      sandboxed: of("sandboxed") === 1,
      busyFrom: Number.isFinite(of("busyFromMs")) ? new Date(of("busyFromMs")) : null,
      offlineSince: Number.isFinite(of("offlineSinceMs")) ? new Date(of("offlineSinceMs")) : null,
      pricePerGpuHour: BigInt(of("pricePerGpuHour")),
      pricePerCpuHour: BigInt(of("pricePerCpuHour")),
    };
  }

  /** Rows of one page. Offers with GPUs come first, then the sort's key, then the provider and the model. */
  page(filters: MarketFilters, nowMs: number, { sort, after, limit }: MarketPage): number[] {
    this.examine(filters, nowMs);
    const { fails, count } = this;
    const begin = after ? this.comparedWith(sort, after) : null;
    const compare = this.comparison(sort);
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

  /** Where a row stands, to begin the next page after it. */
  placeOf(sort: MarketSort, row: number): MarketPlace {
    const [column, sign] = SORTED_BY[sort];
    return {
      coresOnly: this.columns.coresOnly[row] === 1,
      key: sign * (this.columns[column][row] ?? 0),
      providerId: this.providerIds[row] ?? "",
      gpuModel: this.models.value(this.columns.gpu[row] ?? 0),
    };
  }

  private comparison(sort: MarketSort): (a: number, b: number) => number {
    const [column, sign] = SORTED_BY[sort];
    const [keys, cores] = [this.columns[column], this.columns.coresOnly];
    const { providerIds, models } = this;
    const { gpu } = this.columns;
    return (a, b) => {
      const kind = (cores[a] ?? 0) - (cores[b] ?? 0);
      if (kind !== 0) return kind;
      const byKey = sign * ((keys[a] ?? 0) - (keys[b] ?? 0));
      if (byKey !== 0) return byKey;
      const [mine, theirs] = [providerIds[a] ?? "", providerIds[b] ?? ""];
      if (mine !== theirs) return mine < theirs ? -1 : 1;
      const [model, other] = [models.value(gpu[a] ?? 0), models.value(gpu[b] ?? 0)];
      return model < other ? -1 : model > other ? 1 : 0;
    };
  }

  private comparedWith(sort: MarketSort, place: MarketPlace): (row: number) => number {
    const [column, sign] = SORTED_BY[sort];
    const [keys, cores] = [this.columns[column], this.columns.coresOnly];
    const { providerIds, models } = this;
    const { gpu } = this.columns;
    return (row) => {
      const kind = (cores[row] ?? 0) - (place.coresOnly ? 1 : 0);
      if (kind !== 0) return kind;
      const byKey = sign * (keys[row] ?? 0) - place.key;
      if (byKey !== 0) return byKey;
      const id = providerIds[row] ?? "";
      if (id !== place.providerId) return id < place.providerId ? -1 : 1;
      const model = models.value(gpu[row] ?? 0);
      return model < place.gpuModel ? -1 : model > place.gpuModel ? 1 : 0;
    };
  }

  facets(filters: MarketFilters, nowMs: number): Facets {
    this.examine(filters, nowMs);
    const { fails, count } = this;
    const dimensions = DIMENSION_NAMES.map((name) => this.tally(name));
    const cores = this.columns.coresOnly;
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
    this.examine(filters, nowMs);
    const { fails, count, columns } = this;
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
    const { count, columns } = this;
    const { status, freeGpus, totalGpus, inUseGpus } = columns;
    let [free, total, inUse, online] = [0, 0, 0, 0];
    for (let row = 0; row < count; row++) {
      if (status[row] === AVAILABLE) free += freeGpus[row] ?? 0;
      total += totalGpus[row] ?? 0;
      inUse += inUseGpus[row] ?? 0;
    }
    for (const [row = -1] of this.rowsOf.values()) if (status[row] === AVAILABLE) online++;
    return {
      ...{ freeGpus: free, totalGpus: total, inUseGpus: inUse },
      ...{ providersOnline: online, providers: this.rowsOf.size },
    };
  }

  private examine(filters: MarketFilters, nowMs: number): void {
    this.fails.fill(0, 0, this.count);
    MARKET_FILTER_NAMES.forEach((name, bit) => {
      if (filters[name] !== undefined) this.check(name, filters, nowMs, 1 << bit);
    });
  }

  /** Sets the filter's bit for every row that fails it. */
  private check(name: MarketFilterName, asked: MarketFilters, nowMs: number, bit: number): void {
    const { columns, models, regions } = this;
    if (isRange(name)) {
      const [column, perUnit] = BOUNDS[name];
      const bound = Number(asked[name]) * perUnit;
      if (name.startsWith("min_")) this.outside(columns[column], bound, Number.POSITIVE_INFINITY, bit);
      else this.outside(columns[column], Number.NEGATIVE_INFINITY, bound, bit);
      return;
    }
    const flag = asked[name] === true ? 1 : 0;
    const statuses = (asked.status ?? []).map((status) => PROVIDER_STATUSES.indexOf(status));
    const runtimes = (asked.runtime ?? []).map((runtime) => RUNTIMES.indexOf(runtime));
    switch (name) {
      case "gpu":
        this.notIn(columns.gpu, codesOf(models, asked.gpu ?? []), bit);
        break;
      case "not_gpu":
        this.in(columns.gpu, codesOf(models, asked.not_gpu ?? []), bit);
        break;
      case "region":
        this.notIn(columns.region, codesOf(regions, asked.region ?? []), bit);
        break;
      case "not_region":
        this.in(columns.region, codesOf(regions, asked.not_region ?? []), bit);
        break;
      case "status":
        this.notIn(columns.status, flags(statuses, PROVIDER_STATUSES.length), bit);
        break;
      case "runtime":
        this.notIn(columns.runtime, flags(runtimes, RUNTIMES.length), bit);
        break;
      case "provider":
        this.notOf(asked.provider ?? [], bit);
        break;
      case "declared":
      case "sandboxed":
        this.outside(columns[name], flag, flag, bit);
        break;
      case "hours":
        this.outside(columns.busyFromMs, nowMs + (asked.hours ?? 0) * HOUR_MS, Number.POSITIVE_INFINITY, bit);
        break;
    }
  }

  private outside(column: Float64Array, least: number, most: number, bit: number): void {
    const { fails, count } = this;
    for (let row = 0; row < count; row++) {
      const value = column[row] ?? Number.NaN;
      if (!(value >= least && value <= most)) fails[row] = (fails[row] ?? 0) | bit;
    }
  }

  private notIn(codes: Float64Array, wanted: Uint8Array, bit: number): void {
    const { fails, count } = this;
    for (let row = 0; row < count; row++) if (!wanted[codes[row] ?? 0]) fails[row] = (fails[row] ?? 0) | bit;
  }

  private in(codes: Float64Array, unwanted: Uint8Array, bit: number): void {
    const { fails, count } = this;
    for (let row = 0; row < count; row++) if (unwanted[codes[row] ?? 0]) fails[row] = (fails[row] ?? 0) | bit;
  }

  private notOf(providerIds: readonly string[], bit: number): void {
    const { fails, count } = this;
    const wanted = new Set(providerIds.flatMap((id) => this.rowsOf.get(id) ?? []));
    for (let row = 0; row < count; row++) if (!wanted.has(row)) fails[row] = (fails[row] ?? 0) | bit;
  }

  /** What it takes to count one dimension. */
  private tally(dimension: Dimension): Tally {
    const own = DIMENSIONS[dimension].reduce((bits, name) => bits | (1 << MARKET_FILTER_NAMES.indexOf(name)), 0);
    const { columns, models, regions, vrams } = this;
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

function codesOf(dictionary: Dictionary, values: readonly string[]): Uint8Array {
  return flags(
    values.flatMap((value) => dictionary.find(value) ?? []),
    dictionary.size,
  );
}

function flags(codes: readonly number[], size: number): Uint8Array {
  const set = new Uint8Array(size);
  for (const code of codes) set[code] = 1;
  return set;
}

function named(counts: Float64Array, value: (code: number) => string) {
  const found = new Map<string, number>();
  counts.forEach((count, code) => {
    if (count > 0) found.set(value(code), count);
  });
  return mostCommon(found);
}

/** Where a row belongs in a sorted list. */
function placeIn(sorted: readonly number[], row: number, compare: (a: number, b: number) => number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(sorted[middle] ?? row, row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
