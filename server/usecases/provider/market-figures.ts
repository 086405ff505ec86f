// The figures above the market: what is free now, of how much, and from which price.
import { formatMicros } from "../../../domain/money/micros.ts";
import type { Deps } from "../../deps.ts";
import { marketTotals } from "../../repos/offers.ts";

/** @param gpuModel whose lowest price is wanted; null for any */
export async function marketFigures({ db }: Pick<Deps, "db">, gpuModel: string | null) {
  const row = await marketTotals(db, gpuModel);
  return {
    freeGpus: row?.free ?? 0,
    totalGpus: row?.total ?? 0,
    inUseGpus: row?.in_use ?? 0,
    providersOnline: row?.online ?? 0,
    providers: row?.providers ?? 0,
    lowest:
      row?.lowest && row.lowest_model ? { model: gpuModel, pricePerGpuHour: formatMicros(BigInt(row.lowest)) } : null,
  };
}
