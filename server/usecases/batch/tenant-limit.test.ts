// GPUs on nodes of the cluster: rentals and batch jobs of an account together keep to TENANT_MAX_GPUS.
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { JobId, ProviderId } from "../../../domain/ids.ts";
import { BatchBody } from "../../../protocol/batch.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { listJobs } from "../job/list-jobs.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { findBatch } from "./get-batch.ts";
import { estimateBatch, submitBatch } from "./submit-batch.ts";
import { sweepBatch } from "./sweep-batch.ts";

let world: World;
let fleet: Fleet;

beforeEach(async () => {
  world = await openWorld({ tenantMaxGpus: 3 });
  fleet = await openFleet(world, 4, { gpus: 4, cpuCores: 16 });
  await world.db.execute(sql`update providers set runtime = 'kubernetes'`);
  for (const id of fleet.machines) await world.db.transaction((tx) => recomputeOffers(tx, id));
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

const held = async () => {
  const [row] = await world.db.execute<{ n: number }>(
    sql`select count(*)::int as n from gpus where execution_id is not null`,
  );
  return row?.n;
};

test("an account's batch jobs hold no more GPUs on nodes than its limit; the others wait, and go on as GPUs come free", async () => {
  const alice = await world.customer(1, 10_000_000_000n);
  const wish = { gpu_count: 1, max_price: "5.000000" };
  const jobs: JobId[] = [];
  for (let n = 0; n < 3; n++) jobs.push(await fleet.submit(alice, wish));
  await dispatchBatch(world.deps);
  await dispatchBatch(world.deps);
  expect(await held()).toBe(3);
  const views = await Promise.all(jobs.map((id) => findBatch(world.deps, alice, id)));
  expect(views.filter((view) => view?.waiting !== null).length).toBeGreaterThan(0);
  for (let round = 0; round < 6; round++) {
    for (const run of await fleet.live()) await fleet.deliver(run);
    await dispatchBatch(world.deps);
    expect(await held()).toBeLessThanOrEqual(3);
  }
  for (const id of jobs) expect(await findBatch(world.deps, alice, id)).toMatchObject({ status: "completed" });
});

test("one account's limit is no other's", async () => {
  for (const n of [1, 2])
    await fleet.submit(await world.customer(n, 10_000_000_000n), { gpu_count: 1, max_price: "5.000000" });
  await dispatchBatch(world.deps);
  expect(await held()).toBe(4);
});

test("runs of a job that together are over the limit are not given out at once, also where one alone leaves a GPU over", async () => {
  await fleet.submit(await world.customer(1, 10_000_000_000n), { gpu_count: 2, max_price: "50.000000" });
  expect(await dispatchBatch(world.deps)).toBe(1);
  expect(await held()).toBe(2);
});

/** These are no nodes of the cluster any more. */
async function outside(ids: readonly ProviderId[]) {
  for (const id of ids) {
    await world.db.execute(sql`update providers set runtime = 'docker' where id = ${id}`);
    await world.db.transaction((tx) => recomputeOffers(tx, id));
  }
}

test("an account that holds all it may is given machines outside the cluster alone, and those at once", async () => {
  const others = fleet.machines.slice(2);
  await outside(others);
  const deps = { ...world.deps, settings: { ...world.deps.settings, tenantMaxGpus: 0 } };
  const alice = await world.customer(1, 10_000_000_000n);
  for (let n = 0; n < 3; n++) await fleet.submit(alice, { gpu_count: 1, max_price: "5.000000" });
  expect(await dispatchBatch(deps)).toBe(6);
  expect(new Set((await fleet.live()).map(({ providerId }) => providerId))).toEqual(new Set(others));
});

test("of a panel on both kinds of machines those outside take nothing of the limit", async () => {
  const [node, other] = fleet.machines;
  if (!node || !other) throw new Error("the fleet is empty");
  await outside([other]);
  await fleet.only(node, other);
  const deps = { ...world.deps, settings: { ...world.deps.settings, tenantMaxGpus: 1 } };
  const alice = await world.customer(1, 10_000_000_000n);
  // Which of the two is drawn first is chance.
  for (let n = 0; n < 8; n++) {
    await fleet.submit(alice, { gpu_count: 1, max_price: "5.000000" });
    expect(await dispatchBatch(deps)).toBe(2);
    for (const run of await fleet.live()) await fleet.deliver(run);
  }
});

const alone = { gpu_count: 3, max_price: "50.000000" };
const ONE_RUN = /holds 3 of the 3 GPUs that it may hold on nodes of the cluster, and one run of this holds 1:/;

test("a job that waits because of the limit says so, with the code and the remedy, until it goes on", async () => {
  const alice = await world.customer(1, 10_000_000_000n);
  const first = await fleet.submit(alice, alone);
  await dispatchBatch(world.deps);
  const second = await fleet.submit(alice, { ...alone, gpu_count: 1 });
  await dispatchBatch(world.deps);
  expect(await held()).toBe(3);
  const waiting = await findBatch(world.deps, alice, second);
  expect(waiting?.waiting).toMatch(ONE_RUN);
  expect(waiting).toMatchObject({ status: "pending", reason: { code: "tenant-limit", fault: "customer" } });
  // The panel's other copy is over the limit as well, by the job's own first one.
  expect(await findBatch(world.deps, alice, first)).toMatchObject({ reason: { code: "tenant-limit" } });
  expect((await listJobs(world.deps, alice, {})).jobs.map(({ reason }) => reason?.code)).toEqual(
    Array.from({ length: 2 }, () => "tenant-limit"),
  );
  for (let round = 0; round < 6; round++) {
    for (const run of await fleet.live()) await fleet.deliver(run);
    await dispatchBatch(world.deps);
  }
  for (const id of [first, second])
    expect(await findBatch(world.deps, alice, id)).toMatchObject({ status: "completed", reason: null, waiting: null });
});

test("what takes just what is left is not kept by the limit", async () => {
  const alice = await world.customer(1, 10_000_000_000n);
  const id = await fleet.submit(alice, alone);
  expect(await findBatch(world.deps, alice, id)).toMatchObject({ status: "pending", reason: null });
});

test.each([
  [
    "are its own",
    (account: string) => sql`update providers set owner = ${account}
    where id not in (select provider_id from gpus where execution_id is not null)`,
  ],
  ["are dearer than it pays", () => sql`update providers set price_per_gpu_hour = 6000000`],
  ["have too few GPUs", () => sql`delete from gpus where execution_id is null`],
])("where the nodes that are free %s, the limit is not what it waits for", async (_name, unfit) => {
  const alice = await world.customer(1, 10_000_000_000n);
  await fleet.submit(alice, alone);
  await dispatchBatch(world.deps);
  const second = await fleet.submit(alice, { ...alone, gpu_count: 2, max_price: "5.000000" });
  expect(await findBatch(world.deps, alice, second)).toMatchObject({ reason: { code: "tenant-limit" } });
  await world.db.execute(unfit(alice.account));
  for (const id of fleet.machines) await world.db.transaction((tx) => recomputeOffers(tx, id));
  expect(await findBatch(world.deps, alice, second)).toMatchObject({ status: "pending", reason: null });
});

test("where no node is free either, the limit is not what it waits for", async () => {
  const alice = await world.customer(1, 10_000_000_000n);
  await fleet.submit(alice, alone);
  await dispatchBatch(world.deps);
  const second = await fleet.submit(alice, { ...alone, gpu_count: 2, gpu_type: "NVIDIA H100" });
  const view = await findBatch(world.deps, alice, second);
  expect(view?.waiting).not.toContain("nodes of the cluster");
  expect(view?.reason).toBeNull();
});

test("a panel that is over the limit together runs one after another, however long a run takes beside the queue's time", async () => {
  const alice = await world.customer(1, 10_000_000_000n);
  const id = await fleet.submit(alice, { ...alone, queue_timeout: 60, timeout_seconds: 3_600 });
  for (let run = 0; run < 2; run++) {
    await dispatchBatch(world.deps);
    world.pass(600_000);
    await sweepBatch(world.deps);
    const [live, ...others] = await fleet.live(id);
    expect(others).toEqual([]);
    if (!live) throw new Error("nothing runs");
    await fleet.deliver(live, { runMs: 599_000 });
  }
  expect(await findBatch(world.deps, alice, id)).toMatchObject({ status: "completed", verdict: { votes: 2 } });
});

test("it waits no longer than the queue's time after its own run has ended, where nobody else comes free", async () => {
  const alice = await world.customer(1, 10_000_000_000n);
  const id = await fleet.submit(alice, { ...alone, queue_timeout: 60, timeout_seconds: 3_600 });
  await dispatchBatch(world.deps);
  world.pass(600_000);
  for (const run of await fleet.live(id)) await fleet.deliver(run);
  await world.db.execute(sql`update providers set drain = 'draining'`);
  for (const machine of fleet.machines) await world.db.transaction((tx) => recomputeOffers(tx, machine));
  world.pass(59_000);
  await sweepBatch(world.deps);
  expect(await findBatch(world.deps, alice, id)).toMatchObject({ status: "verifying", reason: null });
  world.pass(2_000);
  await sweepBatch(world.deps);
  expect(await findBatch(world.deps, alice, id)).toMatchObject({ status: "failed", reason: { code: "no-machines" } });
});

describe("a job one run of which is over the limit", () => {
  const over = { gpu_count: 4, max_price: "50.000000" };
  const body = (given: object) =>
    BatchBody.parse({ kind: "batch", name: "big", docker_image: "alpine", command: ["true"], ...given });

  test("is refused at submit and in the estimate, with the field and the limit, at any price", async () => {
    const alice = await world.customer(1, 10_000_000_000n);
    const refusal = {
      code: "bad-request",
      detail: expect.stringContaining("at most 3 at once on nodes of the cluster"),
      extras: { fields: [{ field: "gpu_count", message: expect.stringMatching(/^is at most 3: /) }] },
    };
    for (const given of [over, { gpu_count: 4 }, { gpu_count: 4, max_price: "0.000001" }]) {
      await expect(submitBatch(world.deps, alice, body(given), null)).rejects.toMatchObject(refusal);
      await expect(estimateBatch(world.deps, alice, body(given))).rejects.toMatchObject(refusal);
    }
    const none = { ...world.deps, settings: { ...world.deps.settings, tenantMaxGpus: 0 } };
    await expect(submitBatch(none, alice, body({ required_gpu: true }), null)).rejects.toMatchObject({
      extras: { fields: [{ field: "required_gpu" }] },
    });
  });

  test("is taken where a machine outside the cluster could run it, which alone then counts", async () => {
    const alice = await world.customer(1, 10_000_000_000n);
    await outside(fleet.machines.slice(0, 1));
    expect(await estimateBatch(world.deps, alice, body(over))).toMatchObject({ owners: 1, owners_free: 1 });
    expect(await submitBatch(world.deps, alice, body(over), null)).toMatchObject({ status: "pending" });
  });

  test("is told of the market as before where nobody has what it needs", async () => {
    const alice = await world.customer(1, 10_000_000_000n);
    const nobody = { gpu_count: 4, gpu_type: "NVIDIA H100" };
    await expect(submitBatch(world.deps, alice, body(nobody), null)).rejects.toMatchObject({ code: "no-capacity" });
    const patient = await submitBatch(world.deps, alice, body({ ...nobody, max_price: "50.000000" }), null);
    expect(patient).toMatchObject({ status: "pending", reason: null });
  });
});

test("an estimate says what the limit means for it now", async () => {
  const alice = await world.customer(1, 10_000_000_000n);
  const estimate = (gpu_count: number) =>
    estimateBatch(
      world.deps,
      alice,
      BatchBody.parse({ kind: "batch", name: "job", docker_image: "alpine", command: ["true"], gpu_count }),
    );
  expect((await estimate(1)).notices).toEqual([]);
  expect((await estimate(2)).notices).toEqual([expect.stringContaining("may hold 3 GPUs more on nodes")]);
  await fleet.submit(alice, alone);
  await dispatchBatch(world.deps);
  const { notices, owners, owners_free } = await estimate(1);
  expect([owners, owners_free]).toEqual([4, 0]);
  expect(notices).toContainEqual(expect.stringMatching(ONE_RUN));
});

test("a job whose time in the queue ends because of the limit is told that, with the numbers and what to do", async () => {
  const alice = await world.customer(1, 10_000_000_000n);
  await fleet.submit(alice, alone);
  await dispatchBatch(world.deps);
  const second = await fleet.submit(alice, { ...alone, gpu_count: 1, queue_timeout: 60 });
  world.pass(61_000);
  expect((await sweepBatch(world.deps)).unresolved).toBe(1);
  expect(await findBatch(world.deps, alice, second)).toMatchObject({
    status: "failed",
    reason: { code: "over-limit", fault: "customer" },
    error_message: expect.stringMatching(
      /holds 3 of the 3 GPUs .* one run of this holds 1.*60 s.*End some of what you run/,
    ),
  });
});

test("where the nodes that are free are of an owner group that has a copy, under whatever wallet, the limit is not what it waits for", async () => {
  Object.assign(world.deps, { settings: { ...world.deps.settings, demo: false } });
  const [a, b] = fleet.machines;
  if (!a || !b) throw new Error("the fleet is empty");
  await world.db.execute(sql`update providers set host = '203.0.113.' || case when id = ${a} then 7 else 9 end`);
  await fleet.only(a, b);
  const alice = await world.customer(1, 10_000_000_000n);
  const id = await fleet.submit(alice, alone);
  await dispatchBatch(world.deps);
  expect(await held()).toBe(3);
  expect(await findBatch(world.deps, alice, id)).toMatchObject({ reason: null });
});
