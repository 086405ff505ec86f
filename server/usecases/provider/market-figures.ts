// The few figures above the market, from the same snapshot as its counts.
import { formatMicros } from "../../../domain/money/micros.ts";
import type { Deps } from "../../deps.ts";
import { marketSnapshot } from "./market-snapshot.ts";

/** @param model for the lowest price; null for any */
export async function marketFigures(deps: Pick<Deps, "db" | "clock">, model: string | null) {
  const { rows } = await marketSnapshot(deps);
  const reachable = rows.filter((row) => row.available);
  const rentable = reachable.filter((row) => row.freeGpus > 0 && (model === null || row.gpuModel === model));
  const lowest = rentable.reduce<bigint | null>(
    (least, { pricePerGpuHour }) => (least === null || pricePerGpuHour < least ? pricePerGpuHour : least),
    null,
  );
  return {
    freeGpus: reachable.reduce((sum, row) => sum + row.freeGpus, 0),
    totalGpus: rows.reduce((sum, row) => sum + row.totalGpus, 0),
    inUseGpus: rows.reduce((sum, row) => sum + row.inUseGpus, 0),
    providersOnline: new Set(reachable.map((row) => row.providerId)).size,
    providers: new Set(rows.map((row) => row.providerId)).size,
    lowest: lowest === null ? null : { model, pricePerGpuHour: formatMicros(lowest) },
  };
}
