// The order of the market: offers with GPUs first, then the sort's key, then the provider and the model.
import type { MarketSort } from "../placement/facets.ts";
import { SORTED_BY } from "./columns.ts";
import type { Rows } from "./rows.ts";

/** Where a page ended. */
export interface MarketPlace {
  readonly coresOnly: boolean;
  readonly key: number;
  readonly providerId: string;
  /** "" for cores only */
  readonly gpuModel: string;
}

/** Where a row stands, to begin the next page after it. */
export function placeOf(rows: Rows, sort: MarketSort, row: number): MarketPlace {
  const [column, sign] = SORTED_BY[sort];
  return {
    coresOnly: rows.columns.coresOnly[row] === 1,
    key: sign * (rows.columns[column][row] ?? 0),
    providerId: rows.providerIds[row] ?? "",
    gpuModel: rows.models.value(rows.columns.gpu[row] ?? 0),
  };
}

export function comparison(rows: Rows, sort: MarketSort): (a: number, b: number) => number {
  const [column, sign] = SORTED_BY[sort];
  const [keys, cores] = [rows.columns[column], rows.columns.coresOnly];
  const { providerIds, models } = rows;
  const { gpu } = rows.columns;
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

export function comparedWith(rows: Rows, sort: MarketSort, place: MarketPlace): (row: number) => number {
  const [column, sign] = SORTED_BY[sort];
  const [keys, cores] = [rows.columns[column], rows.columns.coresOnly];
  const { providerIds, models } = rows;
  const { gpu } = rows.columns;
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

/** Where a row belongs in a sorted list. */
export function placeIn(sorted: readonly number[], row: number, compare: (a: number, b: number) => number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(sorted[middle] ?? row, row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
