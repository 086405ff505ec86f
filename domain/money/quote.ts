// What a job holds, as one price per hour.

/** Memory and disk are sold with cores: each core brings this much. */
export const MEMORY_GB_PER_CORE = 4;
export const DISK_GB_PER_CORE = 25;

export interface Prices {
  /** micro-USD per GPU and hour */
  readonly perGpuHour: bigint;
  /** micro-USD per core and hour */
  readonly perCpuHour: bigint;
}

export interface Holding {
  readonly gpuCount: number;
  readonly cpuCores: number;
  readonly memoryGb: number;
  readonly diskGb: number;
}

/** Cores that are paid: those asked for, or as many as bring the memory and the disk asked for. */
export function coresBilled({ cpuCores, memoryGb, diskGb }: Holding): number {
  return Math.max(cpuCores, Math.ceil(memoryGb / MEMORY_GB_PER_CORE), Math.ceil(diskGb / DISK_GB_PER_CORE));
}

/** @returns the rate: micro-USD per hour for everything the job holds. */
export function quote(prices: Prices, holding: Holding): bigint {
  return prices.perGpuHour * BigInt(holding.gpuCount) + prices.perCpuHour * BigInt(coresBilled(holding));
}
