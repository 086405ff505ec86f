// What a rental would cost and where it would run, by the very functions that rent.
import type { z } from "zod";
import type { Principal } from "../../../domain/account/principal.ts";
import { priceOfHours } from "../../../domain/money/charge.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import { coresBilled } from "../../../domain/money/quote.ts";
import { rateOf } from "../../../domain/placement/filters.ts";
import { explain } from "../../../domain/placement/rank.ts";
import type { EstimateView } from "../../../protocol/job-views.ts";
import type { RentalBody } from "../../../protocol/operations/job.ts";
import type { Deps } from "../../deps.ts";
import { candidateOffers, explainOffers } from "../../repos/offers.ts";
import { nodeGpusLeft, placementWish } from "./rent-gpu.ts";
import { toWish } from "./submit-rental.ts";

export async function estimateRental(
  { db, clock, settings }: Pick<Deps, "db" | "clock" | "settings">,
  renter: Principal | null,
  body: RentalBody,
): Promise<z.infer<typeof EstimateView>> {
  const wish = await toWish({ db, settings }, body, []);
  const left = await nodeGpusLeft(db, settings, renter?.account ?? null);
  const placing = placementWish(wish, renter, clock.now(), left);
  const [fit, { considered, removed }] = await Promise.all([candidateOffers(db, placing), explainOffers(db, placing)]);
  const [best] = fit;
  const rate = best ? rateOf(placing, best) : null;
  return {
    price_per_hour: rate === null ? null : formatMicros(rate),
    hold: rate === null ? null : formatMicros(priceOfHours(rate, wish.hours)),
    hours: wish.hours,
    cores_billed: coresBilled(wish),
    offers_considered: considered,
    offers_fitting: fit.length,
    removed,
    chosen: best
      ? {
          provider_id: best.providerId,
          provider_name: best.providerName,
          gpu_model: best.gpuModel,
          region: best.region,
          runtime: best.runtime,
          why: fit.length === 1 ? "the only offer that fits" : `the cheapest of ${fit.length} offers that fit`,
        }
      : null,
    advice: best ? null : explain(removed, considered),
  };
}
