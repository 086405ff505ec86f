// The columns answer what the law of the market says, offer by offer.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ProviderId } from "../ids.ts";
import {
  facets,
  HOUR_MS,
  isOnMarket,
  MARKET_FILTER_NAMES,
  MARKET_SORTS,
  type MarketFilters,
  type MarketOffer,
  type MarketSort,
  MOST_VALUES,
  sortKey,
  unitPrice,
} from "../placement/facets.ts";
import { PROVIDER_STATUSES, RUNTIMES } from "../provider/state.ts";
import { isAboutCores, Market } from "./market.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const small = fc.integer({ min: 0, max: 3 });
const price = fc.integer({ min: 0, max: 3 }).map((n) => BigInt(n) * 100_000n);
const providerId = fc.nat(4).map((n): ProviderId => `prov_${n}`);
const someOffer: fc.Arbitrary<MarketOffer> = fc
  .record({
    ...{ providerId, providerName: fc.string(), vramMb: fc.constantFrom(0, 24_576, 81_920), totalGpus: small },
    gpuModel: fc.constantFrom(null, "A100", "RTX 4090", "__proto__"),
    ...{ freeGpus: small, inUseGpus: small, freeCpuCores: small, freeMemoryGb: small, freeDiskGb: small },
    ...{ region: fc.constantFrom("eu", "us", "constructor"), reputation: fc.constantFrom(0, 80, 100) },
    ...{ status: fc.constantFrom(...PROVIDER_STATUSES), runtime: fc.constantFrom(...RUNTIMES) },
    ...{ declared: fc.boolean(), sandboxed: fc.boolean() },
    busyFrom: fc.constantFrom(null, -1, 0, 1, 5, 6).map((hours) => hours && new Date(NOW_MS + hours * HOUR_MS)),
    offlineSince: fc.constantFrom(null, new Date(NOW_MS)),
    ...{ pricePerGpuHour: price, pricePerCpuHour: price },
  })
  .map((offer) => ({ ...offer, busyFrom: offer.busyFrom || null }));
const someOffers = fc.uniqueArray(someOffer, {
  maxLength: 15,
  selector: ({ providerId, gpuModel }) => `${providerId} ${gpuModel}`,
});

const list = <T>(...values: T[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 });
const models = list("A100", "RTX 4090", "none such", "__proto__");
const regions = list("eu", "us", "constructor", "nowhere");
const vram = fc.constantFrom(0, 1, 24_576, 24_577);
const ram = fc.constantFrom(0, 1024, 1025, 2048);
const allFilters = fc.record({
  ...{ gpu: models, not_gpu: models, region: regions, not_region: regions },
  ...{
    status: list(...PROVIDER_STATUSES),
    runtime: list(...RUNTIMES),
    provider: fc.array(providerId, { minLength: 1 }),
  },
  ...{ min_vram_mb: vram, max_vram_mb: vram, min_gpus: small, max_gpus: small, min_total_gpus: small },
  ...{ max_total_gpus: small, min_cpu: small, max_cpu: small, min_ram: ram, max_ram: ram },
  ...{ min_disk: small, max_disk: small, min_price: price, max_price: price },
  ...{ min_reputation: fc.constantFrom(0, 80, 81), max_reputation: fc.constantFrom(79, 80, 100) },
  ...{ declared: fc.boolean(), sandboxed: fc.boolean(), hours: fc.constantFrom(1, 5, 6) },
});
/** Few at a time: with all of them hardly an offer is left to be put in order. */
const someFilters: fc.Arbitrary<MarketFilters> = fc
  .tuple(allFilters, fc.subarray(MARKET_FILTER_NAMES, { maxLength: 4 }))
  .map(([all, asked]) => Object.fromEntries(asked.map((name) => [name, all[name]])));

function marketOf(offers: readonly MarketOffer[]): Market {
  const market = new Market();
  for (const offer of offers) market.add(offer);
  return market;
}

function inOrder(offers: readonly MarketOffer[], sort: MarketSort): MarketOffer[] {
  return offers.toSorted((a, b) => {
    if ((a.gpuModel === null) !== (b.gpuModel === null)) return a.gpuModel === null ? 1 : -1;
    const byKey = sortKey(sort, a) - sortKey(sort, b);
    if (byKey !== 0) return byKey;
    return `${a.providerId} ${a.gpuModel}` < `${b.providerId} ${b.gpuModel}` ? -1 : 1;
  });
}

const all = (market: Market) => Array.from({ length: market.size }, (_, row) => market.at(row));

test("the generator asks for every filter there is", () => {
  const asked = fc.sample(allFilters, 1)[0];
  expect(Object.keys(asked ?? {}).sort()).toEqual([...MARKET_FILTER_NAMES].sort());
});

test("counts by column are the law's, whatever is asked of whatever market", () => {
  fc.assert(
    fc.property(someOffers, someFilters, (offers, filters) => {
      expect(marketOf(offers).facets(filters, NOW_MS)).toEqual(facets(filters, offers, NOW_MS));
    }),
    { numRuns: 2000 },
  );
});

describe.each(MARKET_FILTER_NAMES)("%s", (name) => {
  test("keeps by column what the law keeps, and takes something away", () => {
    let taken = 0;
    fc.assert(
      fc.property(someOffers, allFilters, (offers, filters) => {
        const asked = { [name]: filters[name] };
        const page = { sort: "price", after: null, limit: 100 } as const;
        const market = marketOf(offers);
        const kept = market.page(asked, NOW_MS, page).map((row) => market.at(row));
        expect(kept).toEqual(inOrder(offers, "price").filter((offer) => isOnMarket(asked, offer, NOW_MS)));
        taken += offers.length - kept.length;
      }),
    );
    expect(taken).toBeGreaterThan(0);
  });
});

test.each(MARKET_SORTS)("walking all pages by %s gives every offer that passes, once, in order", (sort) => {
  fc.assert(
    fc.property(someOffers, someFilters, fc.integer({ min: 1, max: 5 }), (offers, filters, limit) => {
      const market = marketOf(offers);
      const walked: MarketOffer[] = [];
      let after = null;
      for (;;) {
        const rows = market.page(filters, NOW_MS, { sort, after, limit });
        walked.push(...rows.map((row) => market.at(row)));
        const last = rows.at(-1);
        if (last === undefined || walked.length > offers.length) break;
        after = market.placeOf(sort, last);
      }
      expect(walked).toEqual(inOrder(offers, sort).filter((offer) => isOnMarket(filters, offer, NOW_MS)));
    }),
  );
});

test("after providers came, changed and went, the market is what a new one would be", () => {
  const change = fc.tuple(providerId, someOffers);
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const market = new Market();
      const now = new Map<ProviderId, MarketOffer[]>();
      for (const [id, offers] of changes) {
        const own = offers.filter((offer) => offer.providerId === id);
        market.removeProvider(id);
        for (const offer of own) market.add(offer);
        now.set(id, own);
      }
      const expected = [...now.values()].flat();
      expect(inOrder(all(market), "price")).toEqual(inOrder(expected, "price"));
      expect(market.facets({}, NOW_MS)).toEqual(facets({}, expected, NOW_MS));
      expect(market.totals().providers).toBe([...now.values()].filter((own) => own.length > 0).length);
    }),
  );
});

test("a market grows past its first room", () => {
  const [offer] = fc.sample(someOffer, 1);
  if (!offer) throw new Error("no offer");
  const offers = Array.from({ length: 3000 }, (_, n) => ({ ...offer, providerId: `prov_${n}` as const }));
  const market = marketOf(offers);
  expect(all(market)).toEqual(offers);
});

test("the cheapest is what could be rented now: a free GPU, or a free core where only cores are asked for", () => {
  fc.assert(
    fc.property(someOffers, someFilters, (offers, filters) => {
      const kept = offers.filter((offer) => isOnMarket(filters, offer, NOW_MS));
      const rentable = kept.filter(({ status, gpuModel, freeGpus, freeCpuCores }) => {
        if (status !== "available") return false;
        return isAboutCores(filters) ? gpuModel === null && freeCpuCores > 0 : gpuModel !== null && freeGpus > 0;
      });
      const prices = rentable.map((offer) => Number(unitPrice(offer)));
      expect(marketOf(offers).cheapest(filters, NOW_MS)).toEqual({
        found: kept.length,
        lowestPrice: prices.length > 0 ? Math.min(...prices) : null,
      });
    }),
  );
});

test("machines that name themselves a thousand models do not fill the reply", () => {
  const [offer] = fc.sample(someOffer, 1);
  if (!offer) throw new Error("no offer");
  const offers = Array.from({ length: 1000 }, (_, n) => ({ ...offer, gpuModel: `model ${n}` }));
  const told = marketOf(offers).facets({}, NOW_MS);
  expect(Object.keys(told.gpu)).toHaveLength(MOST_VALUES);
  expect(told).toEqual(facets({}, offers, NOW_MS));
});
