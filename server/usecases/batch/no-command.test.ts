// Jobs without a command: the image's own program runs in an engine, and neither as a process nor in a pod of a node.
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { Runtime } from "../../../domain/provider/state.ts";
import { BatchBody } from "../../../protocol/batch.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { findBatch } from "./get-batch.ts";
import { estimateBatch, submitBatch } from "./submit-batch.ts";
import { sweepBatch } from "./sweep-batch.ts";

let world: World;
let fleet: Fleet;
let alice: Principal;
beforeEach(async () => {
  world = await openWorld();
  fleet = await openFleet(world, 4, { cpuCores: 16 });
  alice = await world.customer(1, 10_000_000_000n);
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

async function become(runtime: Runtime, ids: readonly ProviderId[]): Promise<void> {
  for (const id of ids) {
    await world.db.execute(sql`update providers set runtime = ${runtime} where id = ${id}`);
    await world.db.transaction((tx) => recomputeOffers(tx, id));
  }
}
const body = (given: object = {}) =>
  BatchBody.parse({ kind: "batch", name: "job", docker_image: "alpine", command: [], ...given });
const WHY = /no command, and no machine that fits it runs an image's own program/;

test.each(["process", "kubernetes"] as const)(
  "where only machines of the runtime %s are there, it is given to none and says at once why",
  async (runtime) => {
    await become(runtime, fleet.machines);
    const refusal = { code: "no-capacity", detail: expect.stringMatching(/4 would run it with a command/) };
    await expect(submitBatch(world.deps, alice, body(), null)).rejects.toMatchObject(refusal);
    await expect(estimateBatch(world.deps, alice, body())).rejects.toMatchObject(refusal);
    const { owners, notices } = await estimateBatch(world.deps, alice, body({ max_price: "1.000000" }));
    expect([owners, notices]).toEqual([0, expect.arrayContaining([expect.stringMatching(WHY)])]);
    const patient = await submitBatch(world.deps, alice, body({ max_price: "1.000000" }), null);
    expect(patient).toMatchObject({ waiting: expect.stringMatching(WHY), reason: { code: "needs-command" } });
    expect(await dispatchBatch(world.deps)).toBe(0);
    const id = await fleet.submit(alice, { command: [], queue_timeout: 60 });
    world.pass(61_000);
    await sweepBatch(world.deps);
    expect(await findBatch(world.deps, alice, id)).toMatchObject({
      status: "failed",
      reason: { code: "needs-command", fault: "customer" },
      error_message: expect.stringMatching(/no command.*Submit it again with a command/),
    });
  },
);

test("beside machines with an engine it waits for these, and no process gets a copy, nor is anybody told that it needs a command", async () => {
  const [process, ...engines] = fleet.machines;
  if (!process) throw new Error("the fleet is empty");
  await become("docker", engines.slice(0, 1));
  const id = await fleet.submit(alice, { command: [] });
  await dispatchBatch(world.deps);
  expect((await fleet.live(id)).map(({ providerId }) => providerId)).toEqual(engines.slice(0, 1));
  expect(await findBatch(world.deps, alice, id)).toMatchObject({ reason: null });
  await become("docker", engines);
  await dispatchBatch(world.deps);
  for (const run of await fleet.live(id)) {
    expect(run.providerId).not.toBe(process);
    await fleet.deliver(run);
  }
  expect(await findBatch(world.deps, alice, id)).toMatchObject({ status: "completed", verdict: { votes: 2 } });
});

test("a third-party worker runs the image's own program, but none of a job that gives it input", async () => {
  await become("external", fleet.machines.slice(0, 1));
  expect((await estimateBatch(world.deps, alice, body())).owners).toBe(1);
  const wish = { command: [], queue_timeout: 60 };
  const [plain, fed] = [await fleet.submit(alice, wish), await fleet.submit(alice, { ...wish, input_data: "in" })];
  expect((await findBatch(world.deps, alice, plain))?.reason).toBeNull();
  expect(await findBatch(world.deps, alice, fed)).toMatchObject({ reason: { code: "needs-command" } });
});
