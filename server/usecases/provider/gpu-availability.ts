// GPUs per offer and in all. What is out of reach is not available, however free.
import type { z } from "zod";
import { formatMicros } from "../../../domain/money/micros.ts";
import type { AvailabilityView } from "../../../protocol/market-views.ts";
import type { Deps } from "../../deps.ts";
import { gpuOffers } from "../../repos/market.ts";

export async function gpuAvailability(
  { db }: Pick<Deps, "db">,
  query: { gpu_type?: string | undefined },
): Promise<z.infer<typeof AvailabilityView>> {
  const providers = (await gpuOffers(db, query.gpu_type ?? null)).map((row) => {
    const rentable = row.available ? row.freeGpus : 0;
    return {
      provider_id: row.providerId,
      gpu_type: row.gpuModel,
      total_gpus: row.totalGpus,
      available_gpus: rentable,
      mining_gpus: 0,
      can_create_job: rentable > 0,
      price_per_hour: formatMicros(row.pricePerGpuHour),
    };
  });
  return {
    providers,
    count: providers.length,
    total_gpus: providers.reduce((sum, offer) => sum + offer.total_gpus, 0),
    available_gpus: providers.reduce((sum, offer) => sum + offer.available_gpus, 0),
    mining_gpus: 0,
  };
}
