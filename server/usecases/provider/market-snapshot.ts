// All offers as they stood at most two seconds ago: counts come from here, so that they cost no query each.
import { type Facets, facets, type MarketFilters, type MarketOffer } from "../../../domain/placement/facets.ts";
import { providerStatus } from "../../../domain/provider/state.ts";
import type { Db, Deps } from "../../deps.ts";
import { type OfferRow, wholeMarket } from "../../repos/market.ts";

const FRESH_MS = 2_000;
/** Counts of more different questions are not kept; they are counted each time. */
const MOST_REMEMBERED = 1_000;

export interface Snapshot {
  readonly rows: readonly OfferRow[];
  facets(asked: MarketFilters): Facets;
}

interface Held {
  readonly takenAtMs: number;
  readonly snapshot: Promise<Snapshot>;
}

const held = new WeakMap<Db, Held>();

/** Everyone who asks while one is being taken gets that one. */
export function marketSnapshot({ db, clock }: Pick<Deps, "db" | "clock">): Promise<Snapshot> {
  const nowMs = clock.now().getTime();
  const last = held.get(db);
  if (last && Math.abs(nowMs - last.takenAtMs) < FRESH_MS) return last.snapshot;
  const taken: Held = { takenAtMs: nowMs, snapshot: takeSnapshot(db) };
  held.set(db, taken);
  taken.snapshot.catch(() => {
    if (held.get(db) === taken) held.delete(db);
  });
  return taken.snapshot;
}

async function takeSnapshot(db: Db): Promise<Snapshot> {
  const rows = await wholeMarket(db);
  const market = rows.map(toMarketOffer);
  const counted = new Map<string, Facets>();
  return {
    rows,
    facets(asked) {
      const key = JSON.stringify(Object.entries(asked).sort(), (_, value) =>
        typeof value === "bigint" ? `${value}` : value,
      );
      const known = counted.get(key);
      if (known) return known;
      const fresh = facets(asked, market);
      if (counted.size < MOST_REMEMBERED) counted.set(key, fresh);
      return fresh;
    },
  };
}

export function toMarketOffer(row: OfferRow): MarketOffer {
  const { providerId, vramMb, freeGpus, freeCpuCores, freeMemoryGb, freeDiskGb, region, reputation } = row;
  return {
    ...{ providerId, vramMb, freeGpus, freeCpuCores, freeMemoryGb, freeDiskGb, region, reputation },
    gpuModel: row.gpuModel || null,
    status: providerStatus(row.admission, row.presence, row.drain),
    unitPrice: row.gpuModel ? row.pricePerGpuHour : row.pricePerCpuHour,
  };
}
