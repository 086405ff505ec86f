// Executions that their machines lost or never began, on a real PostgreSQL; and output files of what was accepted.
import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JobId } from "../../../domain/ids.ts";
import { batchExecutions, batchResults, providerEvidence } from "../../../drizzle/schema/batch.ts";
import { providerPresence } from "../../../drizzle/schema/provider.ts";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { listFiles } from "./get-batch.ts";
import { sweepBatch } from "./sweep-batch.ts";

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

const panelOf = (id: JobId) =>
  world.db.select().from(batchExecutions).where(eq(batchExecutions.jobId, id)).orderBy(batchExecutions.number);

test("what its machine does not have any more is lost, and given to another owner", async () => {
  const id = await fleet.submit(await world.customer(1));
  await dispatchBatch(world.deps);
  const [lost] = await fleet.live(id);
  expect(lost).toBeDefined();
  const report = { report: [], usage: {}, seq: 1, reportedGeneration: 1_000_000, lastSeenAt: world.deps.clock.now() };
  await world.db
    .insert(providerPresence)
    .values({ providerId: lost!.providerId, ...report })
    .onConflictDoUpdate({ target: providerPresence.providerId, set: report });
  expect(await sweepBatch(world.deps)).toMatchObject({ lost: 0 });
  world.pass(31_000);
  const lastSeenAt = world.deps.clock.now();
  await world.db.update(providerPresence).set({ lastSeenAt }).where(eq(providerPresence.providerId, lost!.providerId));
  expect(await sweepBatch(world.deps)).toMatchObject({ lost: 1 });
  expect((await panelOf(id)).find((one) => one.id === lost!.id)).toMatchObject({
    status: "lost",
    endCause: "infrastructure",
  });
  expect(await dispatchBatch(world.deps)).toBe(1);
});

test("a machine that is broken rests; one that says it cannot run such jobs costs nobody anything", async () => {
  const id = await fleet.submit(await world.customer(1));
  await dispatchBatch(world.deps);
  const [broken, unfit] = await fleet.live(id);
  await fleet.deliver(broken!, { outcome: "refused", end: "infrastructure" });
  await fleet.deliver(unfit!, { outcome: "refused", end: "cannot-run" });
  const ends = await panelOf(id);
  expect(ends.map(({ endCause }) => endCause).sort()).toEqual(["cannot-run", "infrastructure"]);
  const errors = await world.db.select().from(providerEvidence);
  expect(errors.filter((one) => one.errors > 0).map(({ providerId }) => providerId)).toEqual([broken!.providerId]);
  expect(await dispatchBatch(world.deps)).toBe(2);
});

test("output files are given out once their result is accepted, and to its customer only", async () => {
  const alice = await world.customer(1);
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [a, b] = await fleet.live(id);
  await expect(listFiles(world.deps, alice, id)).rejects.toMatchObject({ code: "conflict" });
  await fleet.deliver(a!);
  await fleet.deliver(b!);
  const content = Buffer.from("made \0 there").toString("base64");
  await world.db.update(batchResults).set({ files: sql`${JSON.stringify([{ path: "out/a", content }])}::jsonb` });
  expect((await listFiles(world.deps, alice, id)).files).toEqual([{ path: "out/a", bytes: 12, content }]);
  await expect(listFiles(world.deps, await world.customer(2), id)).rejects.toMatchObject({ code: "not-found" });
});
