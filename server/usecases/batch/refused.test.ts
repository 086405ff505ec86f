// Jobs that machines refuse before they run: what is told of it while they wait, and when they end because nobody is left.
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId, ProviderId } from "../../../domain/ids.ts";
import { RULES } from "../../../domain/verification/constants.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { type Fleet, openFleet, type Played } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { findBatch, listExecutions } from "./get-batch.ts";
import { sweepBatch } from "./sweep-batch.ts";

let world: World;
let fleet: Fleet;
let alice: Principal;
beforeEach(async () => {
  world = await openWorld();
  fleet = await openFleet(world, 3);
  alice = await world.customer(1);
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

const PATIENCE_MS = RULES.refusedPatienceSeconds * 1000;
const REFUSED: Played = { outcome: "refused", end: "cannot-run", detail: "This machine cannot start\nnvcc" };
const one = () => {
  const [first] = fleet.machines;
  if (!first) throw new Error("the fleet is empty");
  return first;
};
/** A job that was looked at is not looked at again sooner. */
const SWEPT_AGAIN_MS = 1_000;
const view = (id: JobId) => findBatch(world.deps, alice, id);

/** Gives it out and has it refused until nobody takes it any more. */
async function refuseAll(id: JobId, played: Played = REFUSED): Promise<void> {
  while ((await dispatchBatch(world.deps)) > 0)
    for (const run of await fleet.live(id)) await fleet.deliver(run, played);
}

async function change(machine: ProviderId, set: ReturnType<typeof sql>): Promise<void> {
  await world.db.execute(sql`update providers set ${set} where id = ${machine}`);
  await world.db.transaction((tx) => recomputeOffers(tx, machine));
}

async function passAndSweep(ms: number): Promise<void> {
  world.pass(ms);
  await sweepBatch(world.deps);
}

test("while it waits it is told how many machines refused it and why the last one did, with what can be done", async () => {
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [first, second] = await fleet.live(id);
  if (!first || !second) throw new Error("it was given to nobody");
  await fleet.deliver(first, { ...REFUSED, detail: "" });
  expect(await view(id)).toMatchObject({
    waiting: expect.stringMatching(
      /^One machine said that it cannot run it\. It waits for a machine of one more owner/,
    ),
    reason: { code: "machines-refused", fault: "nobody", remedy: expect.stringMatching(/cancel it and submit/) },
  });
  world.pass(1_000);
  await fleet.deliver(second, REFUSED);
  expect(await view(id)).toMatchObject({
    status: "pending",
    waiting: expect.stringMatching(
      /^2 machines said that they cannot run it, the last of them: This machine cannot start nvcc\. It waits for 2 machines.* s more, or none that fits is there, it ends without a result and uncharged\.$/,
    ),
  });
  const { executions } = await listExecutions(world.deps, alice, id);
  expect(executions.map(({ detail }) => detail)).toContain(REFUSED.detail);
});

test("a long reason is told from its beginning, and what was delivered instead of one stays hidden", async () => {
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [first, second] = await fleet.live(id);
  if (!first || !second) throw new Error("it was given to nobody");
  await fleet.deliver(first, { ...REFUSED, detail: "x".repeat(2_000) });
  await fleet.deliver(second, { outcome: "failed", end: "exit-code", exitCode: 3, detail: "it is forty-two" });
  expect((await view(id))?.waiting).toMatch(/^One machine said that it cannot run it: x{299}… It waits/);
  expect(JSON.stringify([await view(id), await listExecutions(world.deps, alice, id)])).not.toContain("forty-two");
});

describe("where no machine of another owner fits it", () => {
  test.each([
    ["cannot-run", "too-many-errors"],
    ["image-denied", "image-denied"],
  ] as const)(
    "a job that all refused by %s ends after a short patience and not before it: uncharged, with nothing held",
    async (end, reason) => {
      await change(one(), sql`presence = 'offline'`);
      const id = await fleet.submit(alice);
      await refuseAll(id, { ...REFUSED, end });
      await passAndSweep(PATIENCE_MS - 1);
      expect(await view(id)).toMatchObject({ status: "pending" });
      await passAndSweep(SWEPT_AGAIN_MS);
      expect(await view(id)).toMatchObject({
        ...{ status: "failed", cost_so_far: "0.000000", held: "0.000000", executions_count: 2 },
        verdict: {
          kind: "failed",
          sentence: expect.stringMatching(/^2 machines said that they cannot run it, and no/),
        },
        reason: { code: reason },
      });
    },
  );

  test("one that joins within that time takes it, and it goes on", async () => {
    const id = await fleet.submit(alice, { redundancy: 1, consensus: 1 });
    await refuseAll(id);
    await passAndSweep(PATIENCE_MS - 1_000);
    await fleet.add();
    expect(await dispatchBatch(world.deps)).toBe(1);
    await passAndSweep(PATIENCE_MS);
    for (const run of await fleet.live(id)) await fleet.deliver(run);
    expect(await view(id)).toMatchObject({ status: "completed", reason: null, waiting: null });
  });

  test.each([
    ["its customer's own", sql`owner = '0x0000000000000000000000000000000000000001'`],
    ["too small", sql`cpu_cores = 1`],
    ["dearer than it pays", sql`price_per_cpu_hour = 900000000`],
    ["of another class", sql`runtime = 'external'`],
    ["suspended", sql`admission = 'suspended'`],
  ])("one that is %s is none", async (_name, set) => {
    await change(one(), set);
    const id = await fleet.submit(alice, { required_cpu: 2 });
    await refuseAll(id);
    await passAndSweep(PATIENCE_MS);
    expect(await view(id)).toMatchObject({ status: "failed", reason: { code: "too-many-errors" } });
  });
});

test("it waits for a machine that fits it no longer than that machine is there", async () => {
  await change(one(), sql`drain = 'draining'`);
  const id = await fleet.submit(alice);
  await refuseAll(id);
  await passAndSweep(2 * PATIENCE_MS);
  expect(await view(id)).toMatchObject({ status: "pending" });
  await change(one(), sql`presence = 'offline'`);
  await passAndSweep(PATIENCE_MS);
  expect(await view(id)).toMatchObject({ status: "failed", reason: { code: "too-many-errors" } });
});

describe("it waits its whole time in the queue", () => {
  const untilOver = async (id: JobId) => {
    for (const ms of [PATIENCE_MS, PATIENCE_MS, PATIENCE_MS, 599_999 - 3 * PATIENCE_MS]) {
      await passAndSweep(ms);
      expect(await view(id)).toMatchObject({ status: expect.stringMatching(/pending|verifying/) });
    }
    await passAndSweep(SWEPT_AGAIN_MS);
    expect(await view(id)).toMatchObject({ status: "failed", held: "0.000000" });
  };

  test.each([
    ["takes no new work now", sql`drain = 'draining'`],
    ["is in maintenance", sql`drain = 'maintenance'`],
    ["has not reported cleanly yet", sql`presence = 'joined'`],
  ])("for a machine of another owner that %s", async (_name, set) => {
    await change(one(), set);
    const id = await fleet.submit(alice, { queue_timeout: 600 });
    await refuseAll(id);
    await untilOver(id);
  });

  test("for a machine of another owner that is busy", async () => {
    await fleet.only(one());
    const whole = { required_cpu: 4, redundancy: 1, consensus: 1, timeout_seconds: 3_600 };
    await fleet.submit(await world.customer(2), whole);
    expect(await dispatchBatch(world.deps)).toBe(1);
    await fleet.only(...fleet.machines);
    const id = await fleet.submit(alice, { queue_timeout: 600 });
    await refuseAll(id);
    await untilOver(id);
  });

  test("where nobody refused it: it waits for more owners, or for any at all", async () => {
    for (const machine of fleet.machines.slice(1)) await change(machine, sql`presence = 'offline'`);
    const id = await fleet.submit(alice, { queue_timeout: 600 });
    await dispatchBatch(world.deps);
    for (const run of await fleet.live(id)) await fleet.deliver(run);
    const other = await fleet.submit(alice, { queue_timeout: 600, required_cpu: 64 });
    await passAndSweep(PATIENCE_MS);
    expect([await view(id), await view(other)]).toMatchObject([{ status: "verifying" }, { status: "pending" }]);
    await passAndSweep(600_000 - PATIENCE_MS);
    expect(await view(id)).toMatchObject({ reason: { code: "no-machines" } });
  });

  test("where one alone refused it", async () => {
    for (const machine of fleet.machines.slice(1)) await change(machine, sql`presence = 'offline'`);
    const id = await fleet.submit(alice, { queue_timeout: 600 });
    await refuseAll(id);
    await untilOver(id);
    expect(await view(id)).toMatchObject({ reason: { code: "no-machines" }, executions_count: 1 });
  });

  test("where another one failed beside the refusals", async () => {
    await change(one(), sql`presence = 'offline'`);
    const id = await fleet.submit(alice, { queue_timeout: 600 });
    await dispatchBatch(world.deps);
    const [first, second] = await fleet.live(id);
    if (!first || !second) throw new Error("it was given to nobody");
    await fleet.deliver(first, REFUSED);
    await fleet.deliver(second, { outcome: "failed", end: "start-failed" });
    await untilOver(id);
  });

  test("where it is a check of the broker's own", async () => {
    await change(one(), sql`presence = 'offline'`);
    const id = await fleet.submit(alice, { queue_timeout: 600 });
    await refuseAll(id);
    await world.db.execute(sql`update batch_jobs set purpose = 'audit' where id = ${id}`);
    await passAndSweep(PATIENCE_MS + SWEPT_AGAIN_MS);
    const [job] = await world.db.execute(sql`select status from batch_jobs`);
    expect(job).toEqual({ status: "pending" });
    await world.db.execute(sql`update batch_jobs set purpose = 'customer' where id = ${id}`);
  });
});
