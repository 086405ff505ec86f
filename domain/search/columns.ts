// The columns of the market, and which of them each range and each sort is about.
import type { MarketFilterName, MarketSort } from "../placement/facets.ts";

export const COLUMNS = [
  // codes of a dictionary
  ...(["gpu", "region", "vram", "status", "runtime"] as const),
  // as they are; flags are 0 and 1
  ...(["vramMb", "totalGpus", "freeGpus", "inUseGpus", "freeCpuCores", "freeMemoryGb", "freeDiskGb"] as const),
  ...(["reputation", "declared", "sandboxed", "coresOnly", "pricePerGpuHour", "pricePerCpuHour"] as const),
  // instants in ms: Infinity for no maintenance, NaN for not offline
  ...(["busyFromMs", "offlineSinceMs"] as const),
  // what follows from the others
  ...(["price", "value"] as const),
] as const;
export type ColumnName = (typeof COLUMNS)[number];
export type Columns = Readonly<Record<ColumnName, Float64Array>>;

export function columnsOf(capacity: number): Columns {
  const column = () => new Float64Array(capacity);
  return {
    ...{ gpu: column(), region: column(), vram: column(), status: column(), runtime: column() },
    ...{ vramMb: column(), totalGpus: column(), freeGpus: column(), inUseGpus: column(), freeCpuCores: column() },
    ...{ freeMemoryGb: column(), freeDiskGb: column(), reputation: column(), declared: column(), sandboxed: column() },
    ...{ coresOnly: column(), pricePerGpuHour: column(), pricePerCpuHour: column(), busyFromMs: column() },
    ...{ offlineSinceMs: column(), price: column(), value: column() },
  };
}

export type RangeFilter = Extract<MarketFilterName, `min_${string}` | `max_${string}`>;
type Subject = RangeFilter extends `${"min" | "max"}_${infer S}` ? S : never;

/** The column of each range, and how much of it one unit of the filter is: memory is asked in MB and kept in GB. */
const BOUNDED: Readonly<Record<Subject, readonly [ColumnName, number]>> = {
  vram_mb: ["vramMb", 1],
  gpus: ["freeGpus", 1],
  total_gpus: ["totalGpus", 1],
  cpu: ["freeCpuCores", 1],
  ram: ["freeMemoryGb", 1 / 1024],
  disk: ["freeDiskGb", 1],
  price: ["price", 1],
  reputation: ["reputation", 1],
};
export const BOUNDS: Readonly<Record<RangeFilter, readonly [ColumnName, number]>> = {
  ...{ min_vram_mb: BOUNDED.vram_mb, max_vram_mb: BOUNDED.vram_mb, min_gpus: BOUNDED.gpus, max_gpus: BOUNDED.gpus },
  ...{ min_total_gpus: BOUNDED.total_gpus, max_total_gpus: BOUNDED.total_gpus, min_cpu: BOUNDED.cpu },
  ...{ max_cpu: BOUNDED.cpu, min_ram: BOUNDED.ram, max_ram: BOUNDED.ram, min_disk: BOUNDED.disk },
  ...{ max_disk: BOUNDED.disk, min_price: BOUNDED.price, max_price: BOUNDED.price },
  ...{ min_reputation: BOUNDED.reputation, max_reputation: BOUNDED.reputation },
};
export function isRange(name: string): name is RangeFilter {
  return name in BOUNDS;
}

/** The column of each sort, and whether it grows along the list or falls. */
export const SORTED_BY = {
  price: ["price", 1],
  "-price": ["price", -1],
  reputation: ["reputation", -1],
  gpus: ["freeGpus", -1],
  vram: ["vramMb", -1],
  value: ["value", 1],
} as const satisfies Record<MarketSort, readonly [ColumnName, 1 | -1]>;
