// Machines that the broker itself takes out while they run batch jobs: their runs end under that name, and cost them nothing.
import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { batchExecutions, providerEvidence } from "../../../drizzle/schema/batch.ts";
import { maintenanceWindows, providers } from "../../../drizzle/schema/provider.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { suspendProvider } from "../provider/decide-admission.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { findBatch, listExecutions } from "./get-batch.ts";
import { sweepBatch } from "./sweep-batch.ts";

let world: World;
let fleet: Fleet;

beforeEach(async () => {
  world = await openWorld();
  fleet = await openFleet(world, 4);
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

test("what runs on a machine that an operator suspends ends as suspended, is given to others, and costs it neither score nor rest", async () => {
  const alice = await world.customer(1);
  const operator = await world.customer(3);
  const deps = { ...world.deps, settings: { ...world.deps.settings, operators: [operator.account] } };
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [run] = await fleet.live(id);
  if (!run) throw new Error("it was given to nobody");
  await suspendProvider(deps, operator, run.providerId, "It is looked into.");
  const swept = await sweepBatch(world.deps);
  expect(swept.lost).toBe(1);
  const [row] = await world.db.select().from(batchExecutions).where(eq(batchExecutions.id, run.id));
  expect(row).toMatchObject({ status: "lost", endCause: "suspended", paid: 0n });
  const [known] = await world.db.select().from(providerEvidence).where(eq(providerEvidence.providerId, run.providerId));
  expect(known ?? { errors: 0, restingUntil: null, jobsFailed: 0 }).toMatchObject({
    errors: 0,
    restingUntil: null,
    jobsFailed: 0,
  });
  const [machine] = await world.db.select().from(providers).where(eq(providers.id, run.providerId));
  expect(machine?.reputation).toBe(100);
  const { executions } = await listExecutions(world.deps, alice, id);
  expect(executions.find(({ id: each }) => each === run.id)).toMatchObject({ end: "suspended" });
  await dispatchBatch(world.deps);
  for (const live of await fleet.live(id)) await fleet.deliver(live);
  expect(await findBatch(world.deps, alice, id)).toMatchObject({ status: "completed", verdict: { votes: 2 } });
});

test("a machine that says of itself that it is suspended has failed", async () => {
  const alice = await world.customer(1);
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [run] = await fleet.live(id);
  if (!run) throw new Error("it was given to nobody");
  await fleet.deliver(run, { outcome: "failed", end: "suspended" });
  const [row] = await world.db.select().from(batchExecutions).where(eq(batchExecutions.id, run.id));
  expect(row).toMatchObject({ endCause: "infrastructure" });
});

test("no run is given to a machine whose announced maintenance begins before it would have to be over; what runs already goes on", async () => {
  const alice = await world.customer(1);
  const [soon, later, third, fourth] = fleet.machines;
  if (!soon || !later || !third || !fourth) throw new Error("a fleet has machines");
  const announce = async (providerId: typeof soon, inMs: number) => {
    const startsAt = new Date(world.deps.clock.now().getTime() + inMs);
    const endsAt = new Date(startsAt.getTime() + 3_600_000);
    const announced = { startsAt, endsAt, reason: "a new kernel", announcedAt: startsAt };
    await world.db.insert(maintenanceWindows).values({ id: world.deps.ids.next("mnt"), providerId, ...announced });
    await world.db.transaction((tx) => recomputeOffers(tx, providerId));
  };
  // With 300 s to run and two minutes to start in, 400 s is too soon and 500 s is not.
  await announce(soon, 400_000);
  await announce(later, 500_000);
  await fleet.submit(alice, { redundancy: 3, dispatch: "eager" });
  await dispatchBatch(world.deps);
  const before = await fleet.live();
  expect(before.map(({ providerId }) => providerId).sort()).toEqual([later, third, fourth].sort());

  // The offer is old: what counts is what stands under the machine's lock.
  await announce(third, 300_000);
  await world.db.execute(sql`update offers set busy_from = null where provider_id = ${third}`);
  await fleet.submit(alice, { redundancy: 3, dispatch: "eager" });
  await dispatchBatch(world.deps);
  const runs = await fleet.live();
  const fresh = runs.filter(({ id }) => !before.some((old) => old.id === id));
  expect(fresh.map(({ providerId }) => providerId).sort()).toEqual([later, fourth].sort());
  await sweepBatch(world.deps);
  expect((await fleet.live()).length).toBe(runs.length);
});
