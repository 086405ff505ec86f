// Ranking and placing, over random markets.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RUNTIMES } from "../provider/state.ts";
import { FILTER_NAMES, FILTERS, isOfKind, type Offer, type PlacementWish, rateOf } from "./filters.ts";
import { type ProviderRoom, place } from "./place.ts";
import { explain, rank } from "./rank.ts";

const small = fc.integer({ min: 0, max: 4 });
const moment = fc.integer({ min: 0, max: 4 }).map((n) => new Date(n));
const price = fc.bigInt(0n, 5n);
const provider = fc.integer({ min: 1, max: 9 }).map((n) => `prov_0000000000000000000000000${n}` as const);
const model = fc.constantFrom("A", "B");
const anyOffer: fc.Arbitrary<Offer> = fc.record({
  providerId: provider,
  providerName: fc.constant("skagerrak"),
  gpuModel: fc.option(model, { nil: null }),
  vramMb: small,
  totalGpus: small,
  freeGpus: small,
  freeCpuCores: small,
  freeMemoryGb: small,
  freeDiskGb: small,
  region: fc.constant("eu-north"),
  reputation: small,
  available: fc.boolean(),
  busyFrom: fc.option(moment, { nil: null }),
  sandboxed: fc.boolean(),
  runtime: fc.constantFrom(...RUNTIMES),
  pricePerGpuHour: price,
  pricePerCpuHour: price,
});
const anyWish: fc.Arbitrary<PlacementWish> = fc.record({
  providerId: fc.option(provider, { nil: null, freq: 4 }),
  gpuModel: fc.option(model, { nil: null }),
  minVramMb: small,
  gpuCount: small,
  cpuCores: small,
  memoryGb: small,
  diskGb: small,
  maxRate: fc.option(fc.bigInt(0n, 30n), { nil: null }),
  needsSandbox: fc.boolean(),
  until: moment,
  nodeGpusLeft: small,
});
const market = fc.array(anyOffer, { maxLength: 30 });

describe("rank", () => {
  test("what fits passes every filter, cheapest first", () => {
    fc.assert(
      fc.property(anyWish, market, (wish, offers) => {
        const { fit } = rank(wish, offers);
        for (const offer of fit) expect(FILTER_NAMES.every((name) => FILTERS[name](wish, offer))).toBe(true);
        const rates = fit.map((offer) => rateOf(wish, offer));
        expect(rates).toEqual([...rates].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
        expect(fit.length).toBe(
          offers.filter((o) => isOfKind(wish, o) && FILTER_NAMES.every((n) => FILTERS[n](wish, o))).length,
        );
      }),
    );
  });
  test("each count of what a filter removed is what returns when only that filter is dropped", () => {
    fc.assert(
      fc.property(anyWish, market, (wish, offers) => {
        const { fit, removed } = rank(wish, offers);
        for (const dropped of FILTER_NAMES) {
          const others = FILTER_NAMES.filter((name) => name !== dropped);
          const without = offers.filter((o) => isOfKind(wish, o) && others.every((name) => FILTERS[name](wish, o)));
          expect(without.length - fit.length).toBe(removed[dropped] ?? 0);
        }
      }),
    );
  });
  test("the order of the offers given does not matter", () => {
    fc.assert(
      fc.property(anyWish, market, (wish, offers) => {
        const distinct = [...new Map(offers.map((o) => [o.providerId, o])).values()];
        expect(rank(wish, [...distinct].reverse()).fit).toEqual(rank(wish, distinct).fit);
      }),
    );
  });
  test("a refusal names every filter that would help", () => {
    expect(explain({ max_price: 3, gpu_count: 1 }, 9)).toBe(
      "None of 9 offers fits now; there would be 1 with fewer GPUs (gpu_count), 3 with a higher max_price (max_price).",
    );
    expect(explain({}, 0)).toMatch(/No provider/);
  });
});

describe("place", () => {
  const room: ProviderRoom = {
    id: "prov_00000000000000000000000001",
    available: true,
    busyFrom: null,
    runtime: "process",
    sandboxed: true,
    pricePerGpuHour: 389_000n,
    pricePerCpuHour: 10_000n,
    freeCpuCores: 8,
    freeMemoryGb: 32,
    freeDiskGb: 200,
    gpus: [0, 1, 2, 3].map((index) => ({
      id: `gpu_0000000000000000000000000${index}`,
      index,
      uuid: `GPU-${index}`,
      model: "RTX 4090",
      vramMb: 24_564 - index,
      held: index === 1,
      present: index !== 2,
    })),
  };
  const wish = {
    providerId: null,
    gpuModel: "RTX 4090",
    minVramMb: 0,
    gpuCount: 2,
    cpuCores: 8,
    memoryGb: 32,
    diskGb: 100,
    maxRate: null,
    needsSandbox: false,
    until: new Date(1_000),
    nodeGpusLeft: 0,
  };
  test("takes the lowest free GPUs, never one that is held or out of reach", () => {
    expect(place(wish, room, "RTX 4090")?.gpuUuids).toEqual(["GPU-0", "GPU-3"]);
    expect(place({ ...wish, gpuCount: 3 }, room, "RTX 4090")).toBeNull();
  });
  test("a GPU with less VRAM than asked for is never taken, and one with exactly that much is", () => {
    expect(place({ ...wish, minVramMb: 24_561 }, room, "RTX 4090")?.gpuUuids).toEqual(["GPU-0", "GPU-3"]);
    expect(place({ ...wish, minVramMb: 24_562 }, room, "RTX 4090")).toBeNull();
    expect(explain({ min_vram_mb: 2 }, 2)).toContain("2 with less VRAM");
  });
  test("a provider that is out of reach, without room, without sandbox or above the price gets nothing", () => {
    expect(place(wish, { ...room, available: false }, "RTX 4090")).toBeNull();
    expect(place({ ...wish, cpuCores: 9 }, room, "RTX 4090")).toBeNull();
    expect(place({ ...wish, memoryGb: 33 }, room, "RTX 4090")).toBeNull();
    expect(place({ ...wish, diskGb: 201 }, room, "RTX 4090")).toBeNull();
    expect(place({ ...wish, needsSandbox: true }, { ...room, sandboxed: false }, "RTX 4090")).toBeNull();
    expect(place({ ...wish, maxRate: 857_999n }, room, "RTX 4090")).toBeNull();
    expect(place({ ...wish, maxRate: 858_000n }, room, "RTX 4090")?.rate).toBe(858_000n);
  });
  test("work that may reach into announced maintenance gets nothing, and neither does it inside one", () => {
    expect(place(wish, { ...room, busyFrom: new Date(1_000) }, "RTX 4090")).not.toBeNull();
    expect(place(wish, { ...room, busyFrom: new Date(999) }, "RTX 4090")).toBeNull();
    expect(place(wish, { ...room, busyFrom: new Date(0) }, "RTX 4090")).toBeNull();
  });
  test("a tenant holds no more GPUs on nodes than its limit, however many are free; elsewhere there is none", () => {
    const atLimit = { ...wish, nodeGpusLeft: wish.gpuCount - 1 };
    expect(place(atLimit, { ...room, runtime: "docker" }, "RTX 4090")).not.toBeNull();
    expect(place(atLimit, { ...room, runtime: "kubernetes" }, "RTX 4090")).toBeNull();
    expect(
      place({ ...wish, nodeGpusLeft: wish.gpuCount }, { ...room, runtime: "kubernetes" }, "RTX 4090"),
    ).not.toBeNull();
    expect(explain({ tenant_limit: 2 }, 2)).toContain("2 with fewer GPUs held at once in the cluster");
  });
  test("cores alone are rented without touching a GPU", () => {
    expect(place({ ...wish, gpuCount: 0, gpuModel: null }, room, null)).toMatchObject({ gpuIds: [], rate: 80_000n });
  });
});
