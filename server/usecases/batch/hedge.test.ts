// Hedges on a real PostgreSQL: one more copy of what takes longer than runs like it took, and what counts as like it.
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import { RULES } from "../../../domain/verification/constants.ts";
import { wakeByNews } from "../../repos/presence.ts";
import { type Fleet, type LiveRun, openFleet } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { sweepBatch } from "./sweep-batch.ts";

vi.setConfig({ testTimeout: 120_000 }); // each has the runs first that it knows from, and a busy machine takes its time for them

let world: World;
let fleet: Fleet;
let alice: Principal;

beforeEach(async () => {
  world = await openWorld();
  fleet = await openFleet(world, 8, { cpuCores: 16 });
  alice = await world.customer(1, 10_000_000_000n);
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

type Wish = Parameters<Fleet["submit"]>[1];

/** Runs that were accepted and took so long. */
async function history(count: number, tookMs: number, over: Wish = {}, customer = alice): Promise<void> {
  for (let i = 0; i < count; i++) await fleet.submit(customer, { redundancy: 1, consensus: 1, ...over });
  await dispatchBatch(world.deps);
  world.pass(tookMs);
  for (const run of await fleet.live()) await fleet.deliver(run, { runMs: tookMs });
}

/** A job whose copies were given out just now. */
async function running(over: Wish = {}): Promise<JobId> {
  const id = await fleet.submit(alice, over);
  await dispatchBatch(world.deps);
  return id;
}

/** @returns hedges of the look that comes by itself after so long */
async function hedgedAfter(ms: number): Promise<number> {
  world.pass(ms);
  return (await sweepBatch(world.deps)).hedged;
}

async function isHedged(id: JobId): Promise<unknown> {
  const [job] = await world.db.execute(sql`select hedged from batch_jobs where id = ${id}`);
  return job?.hedged;
}

function first(runs: readonly (LiveRun | undefined)[]): LiveRun {
  if (!runs[0]) throw new Error("it was given to nobody");
  return runs[0];
}

const FIVE_SECONDS = 5_000;

test("what runs longer than nearly all runs like it took gets one more machine from that moment on, not before, and once", async () => {
  await history(RULES.hedgeSamples, FIVE_SECONDS);
  const id = await running();
  expect(await hedgedAfter(2_000)).toBe(0);
  expect(await hedgedAfter(2_999)).toBe(0);
  expect(await hedgedAfter(1)).toBe(1);
  expect(await dispatchBatch(world.deps)).toBe(1);
  expect(await fleet.live(id)).toHaveLength(3);
  expect(await hedgedAfter(100_000)).toBe(0);
  expect(await dispatchBatch(world.deps)).toBe(0);
});

test("its time counts from when it began, and not from when it was given out", async () => {
  await history(RULES.hedgeSamples, FIVE_SECONDS);
  const id = await running();
  world.pass(4_000);
  const at = world.deps.clock.now();
  for (const { id: run, providerId } of await fleet.live(id)) {
    const news = { providerId, changed: [run], reported: null, started: [{ id: run, at: at.toISOString() }] };
    await world.db.transaction((tx) => wakeByNews(tx, [news], at));
  }
  expect(await hedgedAfter(1_000)).toBe(0);
  expect(await hedgedAfter(4_000)).toBe(1);
});

test("with fewer runs to know from than the rule asks for nothing is hedged; one more, and the next look does", async () => {
  await history(RULES.hedgeSamples - 1, 1_000);
  await running({ timeout_seconds: 3_000 });
  expect(await hedgedAfter(10_000)).toBe(0);
  await fleet.submit(alice, { redundancy: 1, consensus: 1 });
  await dispatchBatch(world.deps);
  await fleet.deliver(first((await fleet.live()).slice(-1)));
  expect(await hedgedAfter(60_000)).toBe(1);
});

test.each<[string, Wish, number]>([
  ["another customer's", {}, 2],
  ["of another image", { docker_image: "debian" }, 1],
  ["of another command", { command: ["false"] }, 1],
])("runs %s are no runs like it", async (_, over, customer) => {
  await history(RULES.hedgeSamples, 1_000);
  const whose = customer === 1 ? alice : await world.customer(customer, 10_000_000_000n);
  await history(RULES.hedgeSamples, 100_000, over, whose);
  await running();
  expect(await hedgedAfter(2_000)).toBe(1);
});

test("a run that was wrong, and one of which nobody knows how long it took, are none to compare with", async () => {
  await history(RULES.hedgeSamples, 1_000);
  await world.db.execute(sql`
    update batch_executions set run_ms = null where id = (select min(id) from batch_executions)`);
  await running();
  expect(await hedgedAfter(2_000)).toBe(0);
  await history(1, 1_000);
  const wrong = await running();
  const [liar, honest] = await fleet.live(wrong);
  world.pass(50_000);
  await fleet.deliver(first([honest]), { runMs: 1_000 });
  await fleet.deliver(first([liar]), { stdout: "wrong", runMs: 50_000 });
  for (let round = 0; round < 4; round++) {
    await dispatchBatch(world.deps);
    for (const run of await fleet.live(wrong)) await fleet.deliver(run, { runMs: 0 });
  }
  const id = await running();
  await hedgedAfter(2_000);
  expect(await isHedged(id)).toBe(true);
});

test("jobs that are not decided yet hide no runs of those that are, however many they are", async () => {
  await history(RULES.hedgeSamples, 1_000);
  const id = await running();
  await world.db.execute(sql`
    insert into batch_jobs select (jsonb_populate_record(j, jsonb_build_object('id', j.id || '-' || n, 'held_cash', 0,
      'held_promotion', 0))).* from batch_jobs j, generate_series(1, 60) n where j.id = ${id}`);
  world.pass(2_000);
  await sweepBatch(world.deps);
  expect(await isHedged(id)).toBe(true);
});

test("a job that still waits for a machine is not hedged as well", async () => {
  await history(RULES.hedgeSamples, 1_000);
  await fleet.only(...fleet.machines.slice(0, 1));
  const id = await running();
  expect(await fleet.live(id)).toHaveLength(1);
  expect(await hedgedAfter(10_000)).toBe(0);
});

test("where all that ran is given up in the same look, its copies are replaced and none is a hedge", async () => {
  await history(RULES.hedgeSamples, 1_000);
  const id = await running({ timeout_seconds: 10 });
  world.pass(131_000);
  expect(await sweepBatch(world.deps)).toMatchObject({ timedOut: 2, hedged: 0 });
  const [job] = await world.db.execute(sql`select copies_wanted as copies, hedged from batch_jobs where id = ${id}`);
  expect(job).toEqual({ copies: 2, hedged: false });
});

test("the most executions that a job may have are the most: the last of them are not hedged", async () => {
  await history(RULES.hedgeSamples, 1_000);
  const id = await running();
  for (let members = 2; members < RULES.mostExecutions; members++) {
    await fleet.deliver(first(await fleet.live(id)), { outcome: "refused", end: "cannot-run" });
    await dispatchBatch(world.deps);
  }
  expect(await fleet.live(id)).toHaveLength(2);
  expect(await hedgedAfter(10_000)).toBe(0);
});
