import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ProviderId } from "../../domain/ids.ts";
import { type ProviderWorld, providerWorld } from "../testing/provider-world.ts";
import { desiredTopic, dropDesired, listDesired, putDesired } from "./desired.ts";

let world: ProviderWorld;
beforeAll(async () => {
  world = await providerWorld();
});
afterAll(() => world.close());
beforeEach(() => world.empty());

async function wakesDuring(id: ProviderId, work: () => Promise<unknown>): Promise<number> {
  let wakes = 0;
  const stop = world.deps.wakes.subscribe(desiredTopic(id), () => wakes++);
  await work();
  // Wakes come in the order of their commits: once this one has come, every one of the work has.
  const after = `after ${id}`;
  await new Promise<void>((resolve, reject) => {
    world.deps.wakes.subscribe(after, resolve);
    world.db.execute(sql`select pg_notify('berth', ${after})`).catch(reject);
  });
  stop();
  return wakes;
}

const desiredOf = async (id: ProviderId) => (await listDesired(world.db, [id], world.deps.clock.now()))[0];

test("what is put twice just so moves the generation once and wakes once", async () => {
  const providerId = await world.provider();
  const executionId = await world.execution({ providerId });
  const wanted = { executionId, providerId, sealedSpec: "sealed" };
  const wakes = await wakesDuring(providerId, async () => {
    expect(await world.db.transaction((tx) => putDesired(tx, wanted))).toBe(true);
    expect(await world.db.transaction((tx) => putDesired(tx, wanted))).toBe(false);
  });
  expect(wakes).toBe(1);
  expect(await desiredOf(providerId)).toMatchObject({
    generation: 1,
    wanted: [{ sealedSpec: "sealed", expiresAt: null }],
  });
  expect(await world.db.transaction((tx) => putDesired(tx, { ...wanted, sealedSpec: "other" }))).toBe(true);
  expect(await desiredOf(providerId)).toMatchObject({ generation: 2, wanted: [{ sealedSpec: "other" }] });
});

test("what is dropped twice moves the generation once", async () => {
  const providerId = await world.provider();
  const executionId = await world.execution({ providerId });
  await world.db.transaction((tx) => putDesired(tx, { executionId, providerId, sealedSpec: "sealed" }));
  expect(await world.db.transaction((tx) => dropDesired(tx, executionId))).toBe(true);
  expect(await world.db.transaction((tx) => dropDesired(tx, executionId))).toBe(false);
  expect(await desiredOf(providerId)).toMatchObject({ generation: 2, wanted: [] });
});

test("the generation counts every change, however many come at once", async () => {
  const providerId = await world.provider();
  const ids = await Promise.all(Array.from({ length: 12 }, () => world.execution({ providerId })));
  await Promise.all(
    ids.map((executionId) =>
      world.db.transaction((tx) => putDesired(tx, { executionId, providerId, sealedSpec: "s" })),
    ),
  );
  await Promise.all(ids.slice(0, 6).map((id) => world.db.transaction((tx) => dropDesired(tx, id))));
  const desired = await desiredOf(providerId);
  expect(desired?.generation).toBe(18);
  expect(desired?.wanted).toHaveLength(6);
});

test("all that should run on many machines is read at once, each with its own, and nobody is made up", async () => {
  const [one, two] = [await world.provider(), await world.provider()];
  const nobody: ProviderId = "prov_00000000000000000000000000";
  for (const providerId of [one, two]) {
    const executionId = await world.execution({ providerId });
    await world.db.transaction((tx) => putDesired(tx, { executionId, providerId, sealedSpec: `of ${providerId}` }));
  }
  const all = await listDesired(world.db, [one, nobody, two], world.deps.clock.now());
  expect(all.map(({ id, wanted }) => `${id}: ${wanted.map(({ sealedSpec }) => sealedSpec)}`).sort()).toEqual([
    `${one}: of ${one}`,
    `${two}: of ${two}`,
  ]);
});

test("a wake comes only when the change has committed", async () => {
  const providerId = await world.provider();
  const executionId = await world.execution({ providerId });
  const rolledBack = world.db.transaction(async (tx) => {
    await putDesired(tx, { executionId, providerId, sealedSpec: "sealed" });
    await tx.execute(sql`select 1 / 0`);
  });
  expect(await wakesDuring(providerId, () => rolledBack.catch(() => {}))).toBe(0);
});
