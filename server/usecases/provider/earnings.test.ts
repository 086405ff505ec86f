// What a machine earned, whether it is summed by day yet or not, on a real PostgreSQL with a played fleet.
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Principal, walletPrincipal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { DayEarnedView } from "../../../protocol/provider-views.ts";
import { earnedBy, earnedByOwner, sumEarnings } from "../../repos/earnings.ts";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { address, openWorld, type World } from "../../testing/world.ts";
import { dispatchBatch } from "../batch/dispatch-batch.ts";
import { lastDaysEarned, listEarnings } from "./earnings.ts";
import { sumBookedEarnings } from "./sum-earnings.ts";

const OWNER = walletPrincipal(address(9_000_002));
const MINUTE = 60_000;
const DAY = 86_400_000;
let world: World;
let fleet: Fleet;
let ours: ProviderId;
let customer: Principal;
beforeEach(async () => {
  world = await openWorld();
  fleet = await openFleet(world, 2, { perCpuHour: 13_333n });
  ours = await fleet.add({ owner: OWNER.account, perCpuHour: 17_777n });
  customer = await world.customer(1);
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

/** A job on all three machines, decided. */
async function work() {
  const id = await fleet.submit(customer, { redundancy: 3, consensus: 3 });
  await dispatchBatch(world.deps);
  world.pass(2_000);
  for (const run of await fleet.live(id)) await fleet.deliver(run, { runMs: 1_700 });
}

/** In every way in which it is read. */
async function told() {
  return {
    machines: await earnedBy(world.db, fleet.machines),
    owner: await earnedByOwner(world.db, OWNER.account),
    days: await listEarnings(world.deps, OWNER, ours, {}),
  };
}

test("what was earned is told the same while it is summed, entry by entry, and what comes after is added", async () => {
  for (let n = 0; n < 3; n++) await work();
  const before = await told();
  expect(before.machines.size).toBe(3);
  expect(before.machines.get(ours)).toEqual(before.owner);
  expect(before.owner.promotion).toBeGreaterThan(0n);
  world.pass(DAY);
  const now = world.deps.clock.now();
  for (let entries = -1; entries !== 0; ) {
    entries = await world.db.transaction((tx) => sumEarnings(tx, now, 3));
    expect(await told()).toEqual(before);
  }
  await work();
  const after = await told();
  expect(after.owner.promotion).toBeGreaterThan(before.owner.promotion);
  world.pass(11 * MINUTE);
  expect(await sumBookedEarnings(world.deps)).toBeGreaterThan(0);
  expect(await told()).toEqual(after);
});

test("the last ten minutes are not summed yet: whoever books may still have its transaction open", async () => {
  await work();
  world.pass(9 * MINUTE);
  expect(await sumBookedEarnings(world.deps)).toBe(0);
  world.pass(2 * MINUTE);
  const [one, other] = await Promise.all([sumBookedEarnings(world.deps), sumBookedEarnings(world.deps)]);
  expect(one === 0 || other === 0).toBe(true);
  expect(one + other).toBeGreaterThan(0);
});

test("days come newest first, a page at a time, summed ones and today's alike; days without a booking are left out", async () => {
  for (const days of [1, 3, 1, 0]) {
    await work();
    world.pass(days * DAY);
    if (days === 3) await sumBookedEarnings(world.deps);
  }
  const all = (await listEarnings(world.deps, OWNER, ours, {})).days.map((day) => DayEarnedView.parse(day).day);
  const ago = (days: number) => new Date(world.deps.clock.now().getTime() - days * DAY).toISOString().slice(0, 10);
  expect(all).toEqual([ago(0), ago(1), ago(4), ago(5)]);
  const first = await listEarnings(world.deps, OWNER, ours, { limit: 3 });
  expect(first).toMatchObject({ count: 3, days: all.slice(0, 3).map((day) => ({ day })) });
  const next = await listEarnings(world.deps, OWNER, ours, { limit: 3, cursor: first.next_cursor ?? "" });
  expect(next).toMatchObject({ count: 1, days: [{ day: all[3] }], next_cursor: null });
  const last = await lastDaysEarned(world.deps, OWNER, ours, 5);
  expect(last.map(({ day }) => day)).toEqual([ago(4), ago(3), ago(2), ago(1), ago(0)]);
  expect(last.map(({ earned }) => earned !== "0.000000")).toEqual([true, false, false, true, true]);
  const strange = Buffer.from("provider-events 3").toString("base64url");
  await expect(listEarnings(world.deps, OWNER, ours, { cursor: strange })).rejects.toMatchObject({
    code: "bad-request",
    extras: { fields: [{ field: "cursor" }] },
  });
});
