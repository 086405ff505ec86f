// Which filters of a search each row of the market fails.
import { HOUR_MS, MARKET_FILTER_NAMES, type MarketFilterName, type MarketFilters } from "../placement/facets.ts";
import { PROVIDER_STATUSES, RUNTIMES } from "../provider/state.ts";
import { BOUNDS, isRange } from "./columns.ts";
import type { Dictionary } from "./dictionary.ts";
import type { Rows } from "./rows.ts";

export class Failing {
  private fails: Int32Array;

  constructor(private readonly rows: Rows) {
    this.fails = new Int32Array(rows.capacity);
  }

  /** A bit for each filter that a row fails, in the order of MARKET_FILTER_NAMES; good until it is called again. */
  examine(filters: MarketFilters, nowMs: number): Int32Array {
    if (this.fails.length < this.rows.capacity) this.fails = new Int32Array(this.rows.capacity);
    else this.fails.fill(0, 0, this.rows.count);
    MARKET_FILTER_NAMES.forEach((name, bit) => {
      if (filters[name] !== undefined) this.check(name, filters, nowMs, 1 << bit);
    });
    return this.fails;
  }

  /** Sets the filter's bit for every row that fails it. */
  private check(name: MarketFilterName, asked: MarketFilters, nowMs: number, bit: number): void {
    const { columns, models, regions } = this.rows;
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
    const { fails } = this;
    const { count } = this.rows;
    for (let row = 0; row < count; row++) {
      const value = column[row] ?? Number.NaN;
      if (!(value >= least && value <= most)) fails[row] = (fails[row] ?? 0) | bit;
    }
  }

  private notIn(codes: Float64Array, wanted: Uint8Array, bit: number): void {
    const { fails } = this;
    const { count } = this.rows;
    for (let row = 0; row < count; row++) if (!wanted[codes[row] ?? 0]) fails[row] = (fails[row] ?? 0) | bit;
  }

  private in(codes: Float64Array, unwanted: Uint8Array, bit: number): void {
    const { fails } = this;
    const { count } = this.rows;
    for (let row = 0; row < count; row++) if (unwanted[codes[row] ?? 0]) fails[row] = (fails[row] ?? 0) | bit;
  }

  private notOf(providerIds: readonly string[], bit: number): void {
    const { fails } = this;
    const { count } = this.rows;
    const wanted = new Set(providerIds.flatMap((id) => this.rows.rowsOf.get(id) ?? []));
    for (let row = 0; row < count; row++) if (!wanted.has(row)) fails[row] = (fails[row] ?? 0) | bit;
  }
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
