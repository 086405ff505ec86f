// The few figures above the market.
import { formatMicros } from "../../../domain/money/micros.ts";
import type { MarketFilters } from "../../../domain/placement/facets.ts";
import type { Deps } from "../../deps.ts";
import { liveMarket } from "./live-market.ts";

/** @param models for the lowest price; none for any */
export async function marketFigures(deps: Pick<Deps, "db" | "clock">, models: readonly string[]) {
  const live = liveMarket(deps);
  const market = await live.now();
  const [only] = models;
  const filters: MarketFilters = models.length > 0 ? { gpu: models } : {};
  const { lowestPrice } = market.cheapest(filters, deps.clock.now().getTime());
  return {
    ...live.totals(market),
    lowest:
      lowestPrice === null
        ? null
        : {
            model: models.length === 1 && only !== undefined ? only : null,
            pricePerGpuHour: formatMicros(BigInt(lowestPrice)),
          },
  };
}
