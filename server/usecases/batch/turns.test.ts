// The order in which waiting jobs are given machines: accounts take turns, and nobody is held up by jobs that fit nowhere.
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { dispatchBatch } from "./dispatch-batch.ts";

let world: World;
let fleet: Fleet;

beforeEach(async () => {
  world = await openWorld();
  fleet = await openFleet(world, 5);
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

test("accounts take turns: one with many jobs does not hold up one with few", async () => {
  const [many, few] = [await world.customer(1), await world.customer(2)];
  for (let i = 0; i < 30; i++) await fleet.submit(many, { timeout_seconds: 60 });
  const own = [await fleet.submit(few), await fleet.submit(few), await fleet.submit(few)];
  expect(await dispatchBatch(world.deps)).toBe(20); // five machines of four cores
  for (const id of own) expect(await fleet.live(id)).toHaveLength(2);
});

test("jobs that fit nowhere hold up no others behind them", async () => {
  const alice = await world.customer(1, 10_000_000_000n);
  for (let i = 0; i < 10; i++) await fleet.submit(alice, { required_cpu: 64 });
  const id = await fleet.submit(alice);
  expect(await dispatchBatch(world.deps)).toBe(2);
  expect(await fleet.live(id)).toHaveLength(2);
});

test("more than are looked at first, all of which fit nowhere, hold up nobody: others are served first, and in turns", async () => {
  const [many, few] = [await world.customer(1), await world.customer(2)];
  const unfit = await fleet.submit(many, { required_cpu: 64 });
  await world.db.execute(sql`
    insert into batch_jobs select (jsonb_populate_record(j, jsonb_build_object('id', j.id || '-' || n, 'held_cash', 0,
      'held_promotion', 0))).* from batch_jobs j, generate_series(1, 200) n where j.id = ${unfit}`);
  for (let i = 0; i < 10; i++) await fleet.submit(many);
  const own = [await fleet.submit(few), await fleet.submit(few), await fleet.submit(few)];
  expect(await dispatchBatch(world.deps)).toBe(20); // five machines of four cores: all that there is room for
  for (const id of own) expect(await fleet.live(id)).toHaveLength(2);
});
