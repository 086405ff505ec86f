// Offers are recomputed where things change; this finds what was missed, and forgets changes that everybody has seen.
import type { Deps } from "../../deps.ts";
import { forgetOldChanges } from "../../repos/market.ts";
import { driftedProviders, recomputeOffers } from "../../repos/offers.ts";

/** @returns how many rows were corrected: a metric that should stay 0 */
export async function sweepOffers({ db }: Pick<Deps, "db">): Promise<number> {
  let corrections = 0;
  for (const id of await driftedProviders(db)) corrections += await db.transaction((tx) => recomputeOffers(tx, id));
  await forgetOldChanges(db);
  return corrections;
}
