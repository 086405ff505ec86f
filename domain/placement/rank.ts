// Ranking: which offers fit, in which order they are tried, and what each filter removed.
import { FILTER_NAMES, FILTERS, type FilterName, isOfKind, type Offer, type PlacementWish, rateOf } from "./filters.ts";

/** For each filter, how many offers would return if only that one were dropped. Filters that remove none are absent. */
export type Removed = Partial<Record<FilterName, number>>;

export interface Ranked {
  /** cheapest first, then the better reputation, then the fuller machine, then by id */
  readonly fit: readonly Offer[];
  readonly considered: number;
  readonly removed: Removed;
}

/** Ranks without a lock: an order to try, not a promise. */
export function rank(wish: PlacementWish, offers: readonly Offer[]): Ranked {
  const removed: Removed = {};
  const fit: Offer[] = [];
  let considered = 0;
  for (const offer of offers) {
    if (!isOfKind(wish, offer)) continue;
    considered++;
    const failed = FILTER_NAMES.filter((name) => !FILTERS[name](wish, offer));
    if (failed.length === 0) fit.push(offer);
    const [only] = failed;
    if (failed.length === 1 && only) removed[only] = (removed[only] ?? 0) + 1;
  }
  fit.sort((a, b) => {
    const byRate = rateOf(wish, a) - rateOf(wish, b);
    if (byRate !== 0n) return byRate < 0n ? -1 : 1;
    if (a.reputation !== b.reputation) return b.reputation - a.reputation;
    // Pack: the machine with fewer free GPUs first, so that whole machines stay free for those who need them.
    if (a.freeGpus !== b.freeGpus) return a.freeGpus - b.freeGpus;
    return a.providerId < b.providerId ? -1 : 1;
  });
  return { fit, considered, removed };
}

const WORDS = {
  provider: "another provider",
  gpu_type: "another GPU model",
  min_vram_mb: "less VRAM, which the template does not run with",
  gpu_count: "fewer GPUs",
  cpu_cores: "fewer cores",
  memory_gb: "less memory",
  storage_gb: "less storage",
  max_price: "a higher max_price",
  status: "a provider that takes no work now",
  sandbox: "a wallet login",
  duration: "fewer hours, so that it ends before announced maintenance",
  tenant_limit: "fewer GPUs held at once in the cluster",
} as const satisfies Record<FilterName, string>;

/** A sentence that says what would help. */
export function explain(removed: Removed, considered: number): string {
  if (considered === 0) return "No provider offers this kind of machine.";
  const hints = FILTER_NAMES.flatMap((name) => {
    const count = removed[name];
    return count ? [`${count} with ${WORDS[name]} (${name})`] : [];
  });
  if (hints.length === 0) return `None of ${considered} offers fits, and no single change would help.`;
  return `None of ${considered} offers fits now; there would be ${hints.join(", ")}.`;
}
