import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ProviderId } from "../../../domain/ids.ts";
import {
  facets,
  isOnMarket,
  MARKET_FILTER_NAMES,
  type MarketFilters,
  type MarketOffer,
} from "../../../domain/placement/facets.ts";
import { ADMISSIONS, PRESENCES, PROVIDER_STATUSES, providerStatus } from "../../../domain/provider/state.ts";
import { offers, providers } from "../../../drizzle/schema/provider.ts";
import { type SearchQuery, SORTS } from "../../../protocol/operations/provider.ts";
import { AvailabilityView, ProviderView, SearchView } from "../../../protocol/views.ts";
import { MARKET_SORTS } from "../../repos/market.ts";
import { type ProviderWorld, providerWorld } from "../../testing/provider-world.ts";
import { getProvider } from "./get-provider.ts";
import { gpuAvailability } from "./gpu-availability.ts";
import { listProviders } from "./list-providers.ts";
import { marketFigures } from "./market-figures.ts";
import { toMarketOffer } from "./market-snapshot.ts";
import { searchOffers } from "./search-offers.ts";

let world: ProviderWorld;
beforeAll(async () => {
  world = await providerWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.empty();
  world.pass(++tests * 3_600_000); // the clock begins anew each time: no snapshot of another test may look young
});
let tests = 0;

const small = fc.integer({ min: 0, max: 3 });
const price = fc.integer({ min: 0, max: 3 }).map((n) => BigInt(n) * 100_000n);
const someOffer = fc.record({
  provider: fc.nat(3),
  gpuModel: fc.constantFrom("", "A100", "RTX 4090"),
  vramMb: fc.constantFrom(0, 24_576, 81_920),
  freeGpus: small,
  freeCpuCores: small,
  freeMemoryGb: small,
  freeDiskGb: small,
  region: fc.constantFrom("eu", "us"),
  reputation: fc.constantFrom(0, 80, 100),
  presence: fc.constantFrom(...PRESENCES),
  pricePerGpuHour: price,
  pricePerCpuHour: price,
});
const allFilters = fc.record({
  gpu: fc.constantFrom("A100", "RTX 4090", "none such"),
  min_vram_mb: fc.constantFrom(1, 24_576, 24_577),
  min_gpus: small,
  min_cpu: small,
  min_ram: fc.constantFrom(0, 1024, 1025, 2048),
  min_disk: small,
  max_price: price,
  region: fc.constantFrom("eu", "us"),
  min_reputation: fc.constantFrom(0, 80, 81),
  status: fc.constantFrom(...PROVIDER_STATUSES),
});
/** Few at a time: with all of them hardly an offer is left to be put in order. */
const someFilters: fc.Arbitrary<MarketFilters> = fc
  .tuple(allFilters, fc.subarray(MARKET_FILTER_NAMES, { maxLength: 3 }))
  .map(([all, asked]) => Object.fromEntries(asked.map((name) => [name, all[name]])));

function keyOf(offer: MarketOffer, sort: (typeof SORTS)[number]): bigint {
  switch (sort) {
    case "price":
      return offer.unitPrice;
    case "-price":
      return -offer.unitPrice;
    case "reputation":
      return BigInt(-offer.reputation);
    case "gpus":
      return BigInt(-offer.freeGpus);
    case "vram":
      return BigInt(-offer.vramMb);
  }
}

test("walking all pages gives every offer that passes the filters, once, in order; the counts are the domain's", async () => {
  const ids: ProviderId[] = [];
  for (let n = 0; n < 4; n++) ids.push(await world.provider({ models: [] }));
  let turned = 0;
  const property = fc.asyncProperty(
    fc.uniqueArray(someOffer, { maxLength: 12, selector: ({ provider, gpuModel }) => `${provider} ${gpuModel}` }),
    someFilters,
    fc.constantFrom(...SORTS),
    fc.integer({ min: 1, max: 5 }),
    async (given, asked, sort, limit) => {
      world.pass(2_000); // a new snapshot
      await world.db.delete(offers);
      const values = given.map(({ provider, ...rest }) => ({
        ...{
          ...rest,
          providerId: ids[provider]!,
          providerName: "machine",
          totalGpus: 3,
          inUseGpus: 0,
          sandboxed: true,
        },
        ...{
          available: rest.presence === "online",
          admission: "approved" as const,
          declared: false,
          runtime: "process" as const,
          offlineSince: null,
          drain: "none" as const,
          busyFrom: null,
        },
      }));
      if (values.length > 0) await world.db.insert(offers).values(values);
      const market = values.map(toMarketOffer);
      const walked: string[] = [];
      let cursor: string | undefined;
      do {
        const page = SearchView.parse(await searchOffers(world.deps, { ...asked, sort, limit, cursor } as SearchQuery));
        walked.push(...page.offers.map((offer) => `${offer.provider_id} ${offer.gpu_model}`));
        expect(page.facets).toEqual(facets(asked, market));
        cursor = page.next_cursor ?? undefined;
        if (cursor) turned++;
        if (walked.length > market.length) break; // round in circles
      } while (cursor);
      const expected = market
        .filter((offer) => isOnMarket(asked, offer))
        .sort((a, b) => {
          if ((a.gpuModel === null) !== (b.gpuModel === null)) return a.gpuModel === null ? 1 : -1;
          const byKey = keyOf(a, sort) - keyOf(b, sort);
          if (byKey !== 0n) return byKey < 0n ? -1 : 1;
          return `${a.providerId} ${a.gpuModel}` < `${b.providerId} ${b.gpuModel}` ? -1 : 1;
        });
      expect(walked).toEqual(expected.map((offer) => `${offer.providerId} ${offer.gpuModel}`));
    },
  );
  await fc.assert(property, { numRuns: 100 });
  expect(turned).toBeGreaterThan(60); // or the walk was no walk
});

test("every sort of the wire is one the database knows", () => {
  expect([...MARKET_SORTS]).toEqual([...SORTS]);
});

test("a cursor of another sort, or of no list at all, is refused", async () => {
  for (let n = 0; n < 3; n++) await world.provider();
  const { next_cursor } = await searchOffers(world.deps, { limit: 1 });
  const wrong = searchOffers(world.deps, { limit: 1, sort: "vram", cursor: next_cursor! });
  await expect(wrong).rejects.toMatchObject({ code: "bad-request" });
  await expect(searchOffers(world.deps, { cursor: "bm9uc2Vuc2U" })).rejects.toMatchObject({ code: "bad-request" });
});

test("counts are at most two seconds old, and the page itself is never old", async () => {
  await world.provider();
  await searchOffers(world.deps, {});
  await world.provider();
  world.pass(1_999);
  expect(await searchOffers(world.deps, {})).toMatchObject({ count: 4, facets: { total: 2 } });
  world.pass(1);
  expect(await searchOffers(world.deps, {})).toMatchObject({ count: 4, facets: { total: 4 } });
});

test("who is not approved is not on the market", async () => {
  for (const admission of ADMISSIONS) await world.provider({ admission, name: admission });
  const { offers: found } = await searchOffers(world.deps, {});
  expect(new Set(found.map((offer) => offer.provider_name))).toEqual(new Set(["approved"]));
});

test("what is out of reach is not available, however free; mining is nothing yet", async () => {
  await world.provider({ models: ["A100", "A100"] });
  await world.provider({ models: ["A100", "RTX 4090"], presence: "offline", perGpuHour: 1n });
  const all = AvailabilityView.parse(await gpuAvailability(world.deps, { gpu_type: "A100" }));
  expect(all).toMatchObject({ count: 2, total_gpus: 3, available_gpus: 2, mining_gpus: 0 });
  expect(all.providers.map((offer) => offer.can_create_job)).toEqual([true, false]);
  expect(await marketFigures(world.deps, null)).toMatchObject({
    ...{ freeGpus: 2, totalGpus: 4, inUseGpus: 0, providersOnline: 1, providers: 2 },
    lowest: { pricePerGpuHour: "0.400000" },
  });
});

test("providers are listed newest first, each once, by every status that people see", async () => {
  const ids: ProviderId[] = [];
  for (const admission of ADMISSIONS)
    for (const presence of PRESENCES) ids.unshift(await world.provider({ admission, presence }));
  const rows = await world.db.select().from(providers);
  for (const status of [undefined, ...PROVIDER_STATUSES]) {
    const walked: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listProviders(world.deps, { status, limit: 3, cursor });
      for (const view of page.providers) expect(view.status).toBe(status ?? view.status);
      walked.push(...page.providers.map((view) => view.id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor);
    const wanted = rows.filter((row) =>
      status ? providerStatus(row.admission, row.presence, row.drain) === status : row.admission === "approved",
    );
    expect(walked).toEqual(ids.filter((id) => wanted.some((row) => row.id === id)));
  }
});

test("a provider is shown without its address, its key and its GPUs' UUIDs", async () => {
  const id = await world.provider({ models: ["A100", "A100", "RTX 4090"] });
  const view = ProviderView.parse(await getProvider(world.deps, id));
  expect(view.gpus.map(({ model, total, available }) => [model, total, available])).toEqual([
    ["A100", 2, 2],
    ["RTX 4090", 1, 1],
  ]);
  const [row] = await world.db.select().from(providers);
  for (const secret of [row!.host, row!.publicKey, row!.hostname, "GPU-prov"])
    expect(JSON.stringify({ ...view, name: "" })).not.toContain(`"${secret}`);
  await expect(getProvider(world.deps, "prov_00000000000000000000000000")).rejects.toMatchObject({ code: "not-found" });
});
