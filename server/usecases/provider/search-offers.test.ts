import { and, eq, ne, sql } from "drizzle-orm";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ProviderId } from "../../../domain/ids.ts";
import {
  facets,
  HOUR_MS,
  isOnMarket,
  MARKET_SORTS,
  type MarketFilters,
  sortKey,
} from "../../../domain/placement/facets.ts";
import {
  ADMISSIONS,
  DRAINS,
  PRESENCES,
  PROVIDER_STATUSES,
  providerStatus,
  RUNTIMES,
} from "../../../domain/provider/state.ts";
import { providerEvidence } from "../../../drizzle/schema/batch.ts";
import { offers, providers } from "../../../drizzle/schema/provider.ts";
import { AvailabilityView, SearchView } from "../../../protocol/market-views.ts";
import type { SearchQuery } from "../../../protocol/operations/provider.ts";
import { ProviderView } from "../../../protocol/provider-views.ts";
import { forgetOldChanges, toMarketOffer } from "../../repos/market.ts";
import { type ProviderWorld, providerWorld, START } from "../../testing/provider-world.ts";
import { getProvider } from "./get-provider.ts";
import { gpuAvailability } from "./gpu-availability.ts";
import { listProviders } from "./list-providers.ts";
import { marketFigures } from "./market-figures.ts";
import { searchOffers } from "./search-offers.ts";

let world: ProviderWorld;
beforeAll(async () => {
  world = await providerWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.empty();
  world.pass(++tests * 3_600_000); // the clock begins anew each time: no count of another test may look young
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
  drain: fc.constantFrom(...DRAINS),
  admission: fc.constantFrom("approved", "approved", "approved", "suspended"),
  busyFrom: fc.constantFrom(null, 1, 5).map((hours) => hours && new Date(START.getTime() + hours * HOUR_MS)),
  runtime: fc.constantFrom(...RUNTIMES),
  declared: fc.boolean(),
  sandboxed: fc.boolean(),
  pricePerGpuHour: price,
  pricePerCpuHour: price,
});
const someOffers = fc.uniqueArray(someOffer, {
  maxLength: 12,
  selector: ({ provider, gpuModel }) => `${provider} ${gpuModel}`,
});
/** Every filter is held to its law in domain/search; here are those of each kind. */
const someFilters: fc.Arbitrary<MarketFilters> = fc
  .record({
    gpu: fc.subarray(["A100", "RTX 4090", "none such"], { minLength: 1 }),
    not_region: fc.constantFrom(["eu"], ["us"]),
    status: fc.subarray([...PROVIDER_STATUSES], { minLength: 1 }),
    min_ram: fc.constantFrom(0, 1024, 1025, 2048),
    max_price: price,
    sandboxed: fc.boolean(),
    hours: fc.constantFrom(1, 5, 6),
  })
  .chain((all) => fc.subarray(Object.entries(all), { maxLength: 3 }))
  .map((asked) => Object.fromEntries(asked));

test("however the offers change, all pages give every one that passes, once, in order; the counts are the domain's", async () => {
  const ids: ProviderId[] = [];
  for (let n = 0; n < 4; n++) ids.push(await world.provider({ models: [] }));
  let turned = 0;
  const property = fc.asyncProperty(
    someOffers,
    someFilters,
    fc.constantFrom(...MARKET_SORTS),
    fc.integer({ min: 1, max: 5 }),
    fc.constantFrom("delete", "truncate", "keep"),
    async (given, asked, sort, limit, before) => {
      world.pass(2_000); // counts may be kept no longer
      if (before === "delete") await world.db.delete(offers);
      if (before === "truncate") await world.db.execute(sql`truncate offers`);
      const values = given.map(({ provider, ...rest }) => ({
        ...rest,
        ...{ providerId: ids[provider] ?? "prov_", providerName: "machine", totalGpus: 3, inUseGpus: 0 },
        ...{ available: false, offlineSince: null, busyFrom: rest.busyFrom || null },
      }));
      for (const value of values) {
        const target = [offers.providerId, offers.gpuModel];
        await world.db.insert(offers).values(value).onConflictDoUpdate({ target, set: value });
      }
      // What third-party workers offer is for nobody to rent.
      const forRent = and(eq(offers.admission, "approved"), ne(offers.runtime, "external"));
      const stored = await world.db.select().from(offers).where(forRent);
      const market = stored.map(toMarketOffer);
      const now = world.deps.clock.now().getTime();
      const walked: string[] = [];
      let cursor: string | undefined;
      do {
        const page = SearchView.parse(await searchOffers(world.deps, { ...asked, sort, limit, cursor } as SearchQuery));
        walked.push(...page.offers.map((offer) => `${offer.provider_id} ${offer.gpu_model}`));
        expect(page.facets).toEqual(facets(asked, market, now));
        cursor = page.next_cursor ?? undefined;
        if (cursor) turned++;
        if (walked.length > market.length) break; // round in circles
      } while (cursor);
      const expected = market
        .filter((offer) => isOnMarket(asked, offer, now))
        .sort((a, b) => {
          if ((a.gpuModel === null) !== (b.gpuModel === null)) return a.gpuModel === null ? 1 : -1;
          const byKey = sortKey(sort, a) - sortKey(sort, b);
          if (byKey !== 0) return byKey;
          return `${a.providerId} ${a.gpuModel}` < `${b.providerId} ${b.gpuModel}` ? -1 : 1;
        });
      expect(walked).toEqual(expected.map((offer) => `${offer.providerId} ${offer.gpuModel}`));
    },
  );
  await fc.assert(property, { numRuns: 100 });
  expect(turned).toBeGreaterThan(5); // about fifty; fewer, and nothing ever turned a page
}, 120_000);

test("a change that commits late is seen, though younger ones were seen before it", async () => {
  const [slow, quick] = [await world.provider({ name: "slow" }), await world.provider({ name: "quick" })];
  const rename = (db: Pick<typeof world.db, "update">, id: ProviderId, providerName: string) =>
    db.update(offers).set({ providerName }).where(eq(offers.providerId, id));
  const names = async () => new Set((await searchOffers(world.deps, {})).offers.map((offer) => offer.provider_name));
  await world.db.transaction(async (tx) => {
    await rename(tx, slow, "slow, later");
    await rename(world.db, quick, "quick, later");
    expect(await names()).toEqual(new Set(["slow", "quick, later"]));
    await rename(world.db, quick, "quick, at last");
    expect(await names()).toEqual(new Set(["slow", "quick, at last"]));
  });
  expect(await names()).toEqual(new Set(["slow, later", "quick, at last"]));
});

test("many who ask at once share what the database is asked, and each sees what was there when they asked", async () => {
  await world.provider();
  await searchOffers(world.deps, {});
  const before = world.statements();
  const early = Array.from({ length: 50 }, () => searchOffers(world.deps, {}));
  const written = world.provider().then(() => searchOffers(world.deps, {}));
  for (const { count } of await Promise.all(early)) expect(count).toBeGreaterThanOrEqual(2);
  expect((await written).count).toBe(4);
  expect(world.statements() - before).toBeLessThan(30);
});

test("changes are forgotten after ten minutes, and not before", async () => {
  await world.provider();
  await world.db.execute(sql`update offer_changes set at = clock_timestamp()`); // other tests' are as old as those took
  expect(await forgetOldChanges(world.db)).toBe(0);
  await world.db.execute(sql`update offer_changes set at = at - interval '570 seconds'`);
  expect(await forgetOldChanges(world.db)).toBe(0);
  await world.db.execute(sql`update offer_changes set at = at - interval '60 seconds'`);
  expect(await forgetOldChanges(world.db)).toBeGreaterThan(0);
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
  expect(await marketFigures(world.deps, [])).toMatchObject({
    ...{ freeGpus: 2, totalGpus: 4, inUseGpus: 0, providersOnline: 1, providers: 2 },
    lowest: { pricePerGpuHour: "0.400000" },
  });
});

test("providers are listed newest first, each once, by every status that people see", async () => {
  const ids: ProviderId[] = [];
  for (const admission of ADMISSIONS)
    for (const presence of PRESENCES) ids.unshift(await world.provider({ admission, presence }));
  const caught = ids.filter((_, index) => index % 3 === 0);
  const at = new Date();
  await world.db.insert(providerEvidence).values(caught.map((providerId) => ({ providerId, at, quarantinedAt: at })));
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
      status
        ? providerStatus(row.admission, row.presence, row.drain, caught.includes(row.id)) === status
        : row.admission === "approved",
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
