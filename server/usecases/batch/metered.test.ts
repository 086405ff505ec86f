// What a run is metered and paid for, on a real PostgreSQL: never more than was seen, whatever its machine says of it.
import { eq } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Principal } from "../../../domain/account/principal.ts";
import { batchExecutions, batchJobs } from "../../../drizzle/schema/batch.ts";
import { wakeByNews } from "../../repos/presence.ts";
import { type Fleet, type LiveRun, openFleet, type Played } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { cancelBatch } from "./cancel-batch.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { takeExternalResult } from "./take-external-result.ts";
import { takeResults } from "./take-results.ts";

const ALONE = { redundancy: 1, consensus: 1 };

let world: World;
let fleet: Fleet;
let alice: Principal;

beforeEach(async () => {
  world = await openWorld();
  fleet = await openFleet(world, 1, { perCpuHour: 360_000n }); // $0.0001 a second
  alice = await world.customer(1);
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

/** A run that was given out just now. */
async function given(over: Parameters<Fleet["submit"]>[1] = {}): Promise<LiveRun> {
  const id = await fleet.submit(alice, { ...ALONE, ...over });
  await dispatchBatch(world.deps);
  const [run] = await fleet.live(id);
  if (!run) throw new Error("it was given to nobody");
  return run;
}
const rowOf = async ({ id }: LiveRun) => {
  const [row] = await world.db.select().from(batchExecutions).where(eq(batchExecutions.id, id));
  if (!row) throw new Error("no such execution");
  return row;
};
const agoOf = (ms: number) => new Date(world.deps.clock.now().getTime() - ms);

/** Delivers with the moment at which the machine says that it began. */
async function deliverSaying(run: LiveRun, startedAt: Date, played: Played = {}): Promise<void> {
  const report = { ...fleet.report(run, played), started_at: startedAt.toISOString() };
  const { results } = await takeResults(world.deps, run.providerId, [report]);
  expect(results).toMatchObject([{ status: "accepted" }]);
}

test.each([
  ["less than", 1_200, 1_200, 200n],
  ["just", 5_000, 5_000, 500n],
  ["a millisecond more than", 5_001, 5_000, 500n],
  ["as much as can be said, which is more than", 2_147_483_647, 5_000, 500n],
])(
  "a run that says it took %s the time between being given out and answered is metered and paid for no more than that",
  async (_, said, runMs, paid) => {
    const run = await given();
    world.pass(5_000);
    await fleet.deliver(run, { runMs: said });
    expect(await rowOf(run)).toMatchObject({ runMs, paid });
  },
);

test("no run is paid for longer than its job may run, whoever pays, however long it took to answer", async () => {
  const run = await given({ timeout_seconds: 10 });
  world.pass(100_000);
  await fleet.deliver(run, { runMs: 100_000 });
  expect(await rowOf(run)).toMatchObject({ runMs: 100_000, paid: 1_000n, paidBy: "customer" });
  const hung = await given({ timeout_seconds: 10 });
  await begin(hung, world.deps.clock.now());
  world.pass(60_000);
  await cancelBatch(world.deps, alice, hung.jobId);
  expect(await rowOf(hung)).toMatchObject({ runMs: 60_000, paid: 1_000n, paidBy: "customer" });
});

test("a run began between being given out and answered, whatever its machine says, and its job with the first", async () => {
  const [early, late, between] = [await given(), await given(), await given()];
  const givenAt = world.deps.clock.now();
  world.pass(5_000);
  const now = world.deps.clock.now();
  await deliverSaying(early, agoOf(3_600_000));
  await deliverSaying(late, agoOf(-3_600_000));
  await deliverSaying(between, agoOf(2_000));
  for (const [run, startedAt] of [
    [early, givenAt],
    [late, now],
    [between, agoOf(2_000)],
  ] as const) {
    expect(await rowOf(run)).toMatchObject({ startedAt });
    const [job] = await world.db.select().from(batchJobs).where(eq(batchJobs.id, run.jobId));
    expect(job).toMatchObject({ startedAt });
  }
});

/** As its machine's beat says. */
async function begin({ id, providerId }: LiveRun, at: Date): Promise<void> {
  const news = { providerId, changed: [id], reported: null, started: [{ id, at: at.toISOString() }] };
  await world.db.transaction((tx) => wakeByNews(tx, [news], world.deps.clock.now()));
}

test("so does one whose beat says so, which a result does not change; cancelled, it is paid from then to the cancel", async () => {
  const [early, late, told] = [await given(), await given(), await given()];
  const givenAt = world.deps.clock.now();
  world.pass(5_000);
  const heardAt = world.deps.clock.now();
  await begin(early, agoOf(3_600_000));
  await begin(late, agoOf(-3_600_000));
  await begin(told, agoOf(2_000));
  world.pass(3_000);
  await deliverSaying(told, agoOf(0), { runMs: 1_000 });
  expect(await rowOf(told)).toMatchObject({ startedAt: agoOf(5_000), runMs: 1_000, paid: 100n });
  for (const { jobId } of [early, late]) await cancelBatch(world.deps, alice, jobId);
  expect(await rowOf(early)).toMatchObject({ startedAt: givenAt, runMs: 8_000, paid: 800n });
  expect(await rowOf(late)).toMatchObject({ startedAt: heardAt, runMs: 3_000, paid: 300n });
});

test("what was cancelled before it began is metered nothing and paid nothing", async () => {
  const run = await given();
  world.pass(60_000);
  await cancelBatch(world.deps, alice, run.jobId);
  expect(await rowOf(run)).toMatchObject({ status: "stopped", startedAt: null, runMs: null, paid: 0n });
});

test("a third-party worker measures nothing: it is metered from being handed its run, or given it, to its answer", async () => {
  const [asked, never] = [await given(), await given()];
  const { providerId } = asked;
  await world.db
    .update(batchExecutions)
    .set({ startedAt: agoOf(-4_000) })
    .where(eq(batchExecutions.id, asked.id));
  world.pass(10_000);
  const failed = { node_id: "any", error_message: "Container exited with code 3" };
  for (const { id, jobId } of [asked, never])
    await takeExternalResult(world.deps, providerId, { ...failed, execution_id: id, job_id: jobId });
  expect(await rowOf(asked)).toMatchObject({ runMs: 6_000 });
  expect(await rowOf(never)).toMatchObject({ runMs: 10_000 });
});
