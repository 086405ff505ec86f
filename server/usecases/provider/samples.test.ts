import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { walletPrincipal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { providerPresence, providerSamples } from "../../../drizzle/schema/provider.ts";
import { OWNER, type ProviderWorld, providerWorld, RENTER, START } from "../../testing/provider-world.ts";
import { forgetOldRows } from "../system/forget-old-rows.ts";
import { listSamples } from "./list-samples.ts";
import { recordSamples } from "./record-samples.ts";

const OPERATOR = "0x00000000000000000000000000000000000000ff";
const owner = walletPrincipal(OWNER);

let world: ProviderWorld;
let deps: ProviderWorld["deps"];
beforeAll(async () => {
  world = await providerWorld();
  deps = { ...world.deps, settings: { ...world.deps.settings, operators: [OPERATOR] } };
});
afterAll(() => world.close());
beforeEach(() => world.empty());

async function hear(providerId: ProviderId, usage: unknown): Promise<void> {
  const lastSeenAt = deps.clock.now();
  const values = { providerId, lastSeenAt, seq: 1, report: [], reportedGeneration: 0, usage };
  await world.db
    .insert(providerPresence)
    .values(values)
    .onConflictDoUpdate({ target: providerPresence.providerId, set: values });
}

function usageOf(id: ProviderId, percent: number) {
  const gpus = [1, 0].map((n) => ({
    uuid: `GPU-${id}-${n}`,
    utilization_percent: percent + n,
    memory_used_mb: 100 * n,
  }));
  return { cpu_percent: percent, memory_used_mb: 2048, gpus };
}

test("the newest usage of everybody heard in the last minute is kept once a minute, GPUs by their index", async () => {
  const [a, b, silent] = [await world.provider(), await world.provider(), await world.provider()];
  await hear(silent, usageOf(silent, 1));
  world.pass(61_000);
  await hear(a, usageOf(a, 10));
  await hear(b, usageOf(b, 20));
  world.pass(5_000);
  expect(await recordSamples(deps)).toBe(2);
  const { samples } = await listSamples(deps, owner, a, {});
  expect(samples).toEqual([
    {
      at: new Date(START.getTime() + 60_000).toISOString(),
      cpu_percent: 10,
      memory_used_mb: 2048,
      gpus: [
        { index: 0, utilization_percent: 10, memory_used_mb: 0 },
        { index: 1, utilization_percent: 11, memory_used_mb: 100 },
      ],
    },
  ]);
  expect((await listSamples(deps, owner, silent, {})).count).toBe(0);
});

test("several workers at once, and one that asks three times a minute, write a minute once", async () => {
  const id = await world.provider();
  await hear(id, usageOf(id, 10));
  const written = await Promise.all([recordSamples(deps), recordSamples(deps), recordSamples(deps)]);
  world.pass(20_000);
  await hear(id, usageOf(id, 90));
  written.push(await recordSamples(deps));
  expect(written.reduce((all, one) => all + one)).toBe(1);
  world.pass(40_000);
  expect(await recordSamples(deps)).toBe(1);
  const { samples } = await listSamples(deps, owner, id, {});
  expect(samples.map(({ cpu_percent }) => cpu_percent)).toEqual([10, 90]);
});

test("a worker that finds the minute just being written by another steps back", async () => {
  const id = await world.provider();
  await hear(id, usageOf(id, 10));
  let late: Promise<number> | undefined;
  await world.db.transaction(async (tx) => {
    const one = { providerId: id, at: START, cpuPercent: 99, memoryUsedMb: 1, gpus: [] };
    await tx.insert(providerSamples).values(one);
    late = recordSamples(deps);
    await new Promise((resolve) => setTimeout(resolve, 200)); // it waits for the row by now, or comes after it
  });
  expect(await late).toBe(0);
  expect((await listSamples(deps, owner, id, {})).samples).toMatchObject([{ cpu_percent: 99 }]);
});

test("a machine that tells impossible numbers, unknown GPUs or nothing spoils nobody's minute", async () => {
  const [honest, odd, mute] = [await world.provider(), await world.provider(), await world.provider({ models: [] })];
  await hear(honest, usageOf(honest, 50));
  const gpus = [{ uuid: "GPU-nobody's", utilization_percent: 1, memory_used_mb: 1 }];
  await hear(odd, { cpu_percent: 1, memory_used_mb: Number.MAX_SAFE_INTEGER, gpus });
  await hear(mute, {});
  expect(await recordSamples(deps)).toBe(2);
  expect((await listSamples(deps, owner, honest, {})).samples).toMatchObject([{ cpu_percent: 50 }]);
  expect((await listSamples(deps, owner, odd, {})).samples).toMatchObject([
    { memory_used_mb: 2_147_483_647, gpus: [] },
  ]);
});

test("a week of minutes is thinned evenly to what a chart can show, the newest among it", async () => {
  const providerId = await world.provider();
  const minutes = 10_080;
  const rows = Array.from({ length: minutes }, (_, n) => ({
    ...{ providerId, cpuPercent: n % 100, memoryUsedMb: n, gpus: [] },
    at: new Date(START.getTime() - (minutes - 1 - n) * 60_000),
  }));
  for (let n = 0; n < minutes; n += 5_000) await world.db.insert(providerSamples).values(rows.slice(n, n + 5_000));
  const { samples, count } = await listSamples(deps, owner, providerId, { minutes });
  expect(count).toBe(1500);
  expect(samples.at(-1)?.at).toBe(START.toISOString());
  const gaps = samples.slice(1).map(({ at }, n) => (Date.parse(at) - Date.parse(samples[n]?.at ?? at)) / 60_000);
  expect(new Set(gaps)).toEqual(new Set([6, 7]));
  expect((await listSamples(deps, owner, providerId, { minutes: 60 })).count).toBe(61);
  expect((await listSamples(deps, owner, providerId, {})).count).toBe(1441);
});

test("usage is for the owner and for operators; for anybody else the machine does not exist", async () => {
  const id = await world.provider();
  await expect(listSamples(deps, walletPrincipal(RENTER), id, {})).rejects.toMatchObject({ code: "not-found" });
  const operator = walletPrincipal(OPERATOR);
  const key = { ...operator, via: "api-key", scopes: ["read"] } as const;
  await expect(listSamples(deps, key, id, {})).rejects.toMatchObject({ code: "not-found" });
  expect((await listSamples(deps, operator, id, {})).count).toBe(0);
});

test("usage older than a week is forgotten", async () => {
  const providerId = await world.provider();
  const at = (hours: number) => new Date(START.getTime() - hours * 3_600_000);
  const one = { providerId, cpuPercent: 1, memoryUsedMb: 1, gpus: [] };
  await world.db.insert(providerSamples).values([
    { ...one, at: at(169) },
    { ...one, at: at(167) },
  ]);
  await forgetOldRows(deps);
  expect(await world.db.select({ at: providerSamples.at }).from(providerSamples)).toEqual([{ at: at(167) }]);
});
