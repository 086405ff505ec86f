// Offers are recomputed where things change; this finds what was missed.
import type { Deps } from "../../deps.ts";
import { driftedProviders, recomputeOffers } from "../../repos/offers.ts";

/** @returns how many rows were corrected: a metric that should stay 0 */
export async function sweepOffers({ db }: Pick<Deps, "db">): Promise<number> {
  let corrections = 0;
  for (const id of await driftedProviders(db)) corrections += await db.transaction((tx) => recomputeOffers(tx, id));
  return corrections;
}
