// What the sweep finds on a real PostgreSQL, and what it leaves alone: each condition of what it asks, and each moment's edge.
import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import { batchJobs, providerEvidence } from "../../../drizzle/schema/batch.ts";
import { providerPresence, providers } from "../../../drizzle/schema/provider.ts";
import { listGone } from "../../repos/batch-news.ts";
import { claimDueJobs, jobsOnAbsent } from "../../repos/batch-sweep.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { type Fleet, type LiveRun, openFleet } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { sweepBatch } from "./sweep-batch.ts";

let world: World;
let fleet: Fleet;
let alice: Principal;

beforeEach(async () => {
  world = await openWorld();
  fleet = await openFleet(world, 5);
  alice = await world.customer(1);
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

const now = () => world.deps.clock.now();
const jobOf = async (id: JobId) => {
  const [row] = await world.db.select().from(batchJobs).where(eq(batchJobs.id, id));
  if (!row) throw new Error("no such job");
  return row;
};
/** Makes its next look be this very moment. */
const lookNow = (id: JobId) => world.db.update(batchJobs).set({ nextLookAt: now() }).where(eq(batchJobs.id, id));

/** A job that was given out just now, with one of its runs. */
async function given(over: Parameters<Fleet["submit"]>[1] = {}): Promise<LiveRun> {
  const id = await fleet.submit(alice, over);
  await dispatchBatch(world.deps);
  const [run] = await fleet.live(id);
  if (!run) throw new Error("it was given to nobody");
  return run;
}

test("a job that waits for machines ends at the moment its time in the queue is over, and by no look before it", async () => {
  await fleet.only();
  const id = await fleet.submit(alice, { queue_timeout: 30 });
  world.pass(29_999);
  await lookNow(id);
  expect(await sweepBatch(world.deps)).toMatchObject({ unresolved: 0 });
  expect(await jobOf(id)).toMatchObject({ status: "pending", decidedAt: null });
  world.pass(1);
  await lookNow(id);
  expect(await sweepBatch(world.deps)).toMatchObject({ unresolved: 1 });
  expect(await jobOf(id)).toMatchObject({ status: "failed", reason: "no-machines", decidedAt: now() });
});

test("that look comes by itself; of a job that a machine failed, its whole time in the queue after that", async () => {
  const patient = await given({ queue_timeout: 30, redundancy: 1, consensus: 1 });
  await fleet.only();
  const fresh = await fleet.submit(alice, { queue_timeout: 30 });
  world.pass(10_000);
  await fleet.deliver(patient, { outcome: "failed", end: "infrastructure" });
  world.pass(19_999);
  expect(await sweepBatch(world.deps)).toMatchObject({ unresolved: 0 });
  world.pass(1);
  expect(await sweepBatch(world.deps)).toMatchObject({ unresolved: 1 });
  expect(await jobOf(fresh)).toMatchObject({ decidedAt: now() });
  world.pass(9_999);
  expect(await sweepBatch(world.deps)).toMatchObject({ unresolved: 0 });
  world.pass(1);
  expect(await sweepBatch(world.deps)).toMatchObject({ unresolved: 1 });
  expect(await jobOf(patient.jobId)).toMatchObject({ decidedAt: now() });
});

test("a job of which something runs ends with that, however long it has waited for the rest", async () => {
  await fleet.only(...fleet.machines.slice(0, 1));
  const { jobId } = await given({ queue_timeout: 30 });
  world.pass(100_000);
  await lookNow(jobId);
  expect(await sweepBatch(world.deps)).toMatchObject({ unresolved: 0, timedOut: 0 });
  expect(await jobOf(jobId)).toMatchObject({ status: "scheduled", copiesWanted: 1 });
});

test("a run is given up at its deadline, and by no look before it", async () => {
  const { jobId } = await given({ timeout_seconds: 10 });
  world.pass(129_999);
  await lookNow(jobId);
  expect(await sweepBatch(world.deps)).toMatchObject({ timedOut: 0 });
  world.pass(1);
  await lookNow(jobId);
  expect(await sweepBatch(world.deps)).toMatchObject({ timedOut: 2 });
});

test("a job is claimed from its moment on, by one of several sweeps, and by another one where that died", async () => {
  const [soon, later] = [await fleet.submit(alice, { queue_timeout: 30 }), await fleet.submit(alice)];
  const claim = () => claimDueJobs(world.db, now(), 100);
  world.pass(29_999);
  expect(await claim()).toEqual([]);
  world.pass(1);
  expect((await Promise.all([claim(), claim(), claim()])).flat()).toEqual([soon]);
  world.pass(9_999);
  expect(await claim()).toEqual([]);
  world.pass(1);
  expect(await claim()).toEqual([soon]);
  expect(await jobOf(later)).toMatchObject({ decidedAt: null });
});

test.each([
  ["is out of reach", sql`update providers set presence = 'offline'`, "provider-silent"],
  ["is not admitted any more", sql`update providers set admission = 'suspended'`, "suspended"],
  ["is in quarantine", sql`update provider_evidence set quarantined_at = now()`, "suspended"],
] as const)(
  "what lives on a machine that %s ends at the next sweep; what ended there before is not looked at",
  async (_, happens, end) => {
    const [ended, run] = [await given({ redundancy: 1, consensus: 1 }), await given({ redundancy: 1, consensus: 1 })];
    for (const { providerId } of [ended, run])
      await world.db.insert(providerEvidence).values({ providerId, at: now() }).onConflictDoNothing();
    await fleet.deliver(ended);
    await world.db.execute(happens);
    for (const id of fleet.machines) await world.db.transaction((tx) => recomputeOffers(tx, id));
    expect(await jobsOnAbsent(world.db, 100)).toEqual([run.jobId]);
    expect(await sweepBatch(world.deps)).toMatchObject({ lost: 1 });
    const [row] = await world.db.execute(
      sql`select status, end_cause as end from batch_executions where id = ${run.id}`,
    );
    expect(row).toEqual({ status: "lost", end });
  },
);

/** Its machine acts on the newest desired set, was just heard, and has nothing of it. */
const FORGOTTEN = { report: [], reportedGeneration: 1_000_000 };
const report = ({ providerId }: LiveRun, said: Partial<typeof providerPresence.$inferInsert>) =>
  world.db
    .update(providerPresence)
    .set({ ...FORGOTTEN, lastSeenAt: now(), ...said })
    .where(eq(providerPresence.providerId, providerId));

test("what a machine left out of its report half a minute after it was given is lost from then on; what ended before is not", async () => {
  const [run, ended] = [await given({ redundancy: 1, consensus: 1 }), await given({ redundancy: 1, consensus: 1 })];
  await fleet.deliver(ended);
  world.pass(29_999);
  for (const one of [run, ended]) await report(one, {});
  expect(await sweepBatch(world.deps)).toMatchObject({ lost: 0 });
  world.pass(1);
  for (const one of [run, ended]) await report(one, {});
  expect((await listGone(world.db, now(), 100)).map(({ id }) => id)).toEqual([run.id]);
  expect(await sweepBatch(world.deps)).toMatchObject({ lost: 1 });
});

test.each([
  ["has it", (run: LiveRun) => report(run, { report: [{ id: run.id, state: "running" }] })],
  ["was not heard since", (run: LiveRun) => report(run, { lastSeenAt: new Date(now().getTime() - 2_000) })],
  ["has not heard of the newest set", (run: LiveRun) => report(run, { reportedGeneration: 0 })],
  ["is a node, whose pods are seen", (run: LiveRun) => become(run, "kubernetes")],
  ["is a third-party worker, which tells nothing", (run: LiveRun) => become(run, "external")],
] as const)("nothing is lost with a machine that %s", async (_, is) => {
  const run = await given({ redundancy: 1, consensus: 1 });
  world.pass(31_000);
  await report(run, {});
  await is(run);
  expect(await listGone(world.db, now(), 100)).toEqual([]);
  expect(await sweepBatch(world.deps)).toMatchObject({ lost: 0 });
});

async function become({ providerId }: LiveRun, runtime: "kubernetes" | "external"): Promise<void> {
  await world.db.update(providers).set({ runtime }).where(eq(providers.id, providerId));
  await world.db.transaction((tx) => recomputeOffers(tx, providerId));
}

test("it rings for machines where a job wants some and is passed over no longer, and else never", async () => {
  const rung = async () => {
    world.rings.splice(0);
    await sweepBatch(world.deps);
    return world.rings.map(({ name }) => name);
  };
  await given();
  expect(await rung()).toEqual([]);
  await fleet.only();
  const id = await fleet.submit(alice);
  expect(await rung()).toEqual(["batch.dispatch"]);
  const passedUntil = new Date(now().getTime() + 5_000);
  await world.db.update(batchJobs).set({ passedUntil }).where(eq(batchJobs.id, id));
  world.pass(4_999);
  expect(await rung()).toEqual([]);
  world.pass(1);
  expect(await rung()).toEqual(["batch.dispatch"]);
});
