import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { recordEvent } from "../../repos/events.ts";
import { type ProviderWorld, providerWorld, START } from "../../testing/provider-world.ts";
import { eventCounter } from "./count-events.ts";
import { countState } from "./count-state.ts";

let world: ProviderWorld;
beforeAll(async () => {
  world = await providerWorld();
});
afterAll(() => world.close());
beforeEach(() => world.empty());

async function happen(...codes: string[]): Promise<void> {
  await world.db.transaction(async (tx) => {
    for (const code of codes) await recordEvent(tx, { subject: "prov_x", code, message: code, at: START });
  });
}

test("edges and incidents are counted by where they lead, whoever wrote them, and other events are not", async () => {
  await happen("provider-enrolled", "provider-approved", "provider-offline", "provider-offline", "rented", "gpu-lost");
  await happen("drain-started", "maintenance-ended", "drain-ended");
  expect(await eventCounter()(world.deps)).toEqual({
    admission: { enrolled: 1, approved: 1 },
    presence: { offline: 2 },
    drain: { draining: 1, none: 2 },
    incidents: { "provider-offline": 2, "gpu-lost": 1 },
  });
});

test("a worker that was restarted tells the same totals as one that counted all along", async () => {
  const old = eventCounter();
  for (let n = 0; n < 4; n++) {
    await happen("provider-online", "gpu-lost");
    await old(world.deps);
    world.pass(40_000);
  }
  const told = await old(world.deps);
  expect(told.incidents).toEqual({ "gpu-lost": 4 });
  expect(await eventCounter()(world.deps)).toEqual(told);
});

test("an event that becomes visible after a newer one is counted all the same", async () => {
  const count = eventCounter();
  await count(world.deps);
  let wrote = () => {};
  let commit = () => {};
  const written = new Promise<void>((resolve) => {
    wrote = resolve;
  });
  const mayCommit = new Promise<void>((resolve) => {
    commit = resolve;
  });
  const slow = world.db.transaction(async (tx) => {
    await recordEvent(tx, { subject: "prov_slow", code: "gpu-lost", message: "", at: START });
    wrote();
    await mayCommit;
  });
  await written;
  await happen("gpu-lost");
  expect((await count(world.deps)).incidents).toEqual({ "gpu-lost": 1 });
  commit();
  await slow;
  world.pass(61_000);
  expect((await count(world.deps)).incidents).toEqual({ "gpu-lost": 2 });
  world.pass(61_000);
  expect((await count(world.deps)).incidents).toEqual({ "gpu-lost": 2 });
});

test("free GPUs count as free, draining or unreachable by their provider, and only where it was admitted", async () => {
  const models = ["RTX 4090", "RTX 4090"];
  await world.provider({ models });
  await world.provider({ models, drain: "draining" });
  await world.provider({ models, presence: "offline" });
  await world.provider({ models, presence: "offline", drain: "maintenance" });
  await world.provider({ models, admission: "suspended" });
  expect((await countState(world.deps)).gpus).toEqual({ free: 2, in_use: 0, draining: 2, unreachable: 4 });
});

test("machines that wait for approval are counted, with the age of the oldest", async () => {
  expect((await countState(world.deps)).pending).toEqual({ count: 0, oldestSeconds: 0 });
  await world.provider({ admission: "pending" });
  await world.provider({ admission: "pending" });
  world.pass(90_000);
  expect((await countState(world.deps)).pending).toEqual({ count: 2, oldestSeconds: 90 });
});

test("the lag of a sweep is how long the longest overdue row has waited", async () => {
  const providerId = await world.provider();
  await world.execution({ providerId });
  expect((await countState(world.deps)).lag).toEqual({ execution: 0, node: 0 });
  const due = START.toISOString();
  await world.db.execute(`update executions set next_reconcile_at = '${due}'`);
  await world.db.execute(
    `insert into provider_nodes (provider_id, node_name, next_reconcile_at) values ('${providerId}', 'n', '${due}')`,
  );
  world.pass(7_000);
  expect((await countState(world.deps)).lag).toEqual({ execution: 7, node: 7 });
});
