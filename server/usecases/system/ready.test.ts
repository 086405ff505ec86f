import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Deps } from "../../deps.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { ready } from "./ready.ts";
import { stampWorker } from "./stamp-worker.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
beforeEach(() => stampWorker(world.deps, "worker-1"));
afterAll(() => world[Symbol.asyncDispose]());

const asked = (answers: Partial<Deps["answers"]>) =>
  ready({ ...world.deps, answers: { ...world.deps.answers, ...answers } });

test("ready is who has a database and a worker, with a cluster or without one", async () => {
  const whole = { status: "ready", database: "ok", worker: "ok", queue: "ok" };
  expect(await asked({})).toEqual({ ...whole, cluster: "none" });
  expect(await asked({ cluster: async () => true })).toEqual({ ...whole, cluster: "ok" });
});

test("a queue or a cluster that is away is shown, and stops nobody from serving", async () => {
  expect(await asked({ queue: async () => false })).toMatchObject({ status: "degraded", queue: "away", worker: "ok" });
  expect(await asked({ cluster: async () => false })).toMatchObject({ status: "degraded", cluster: "away" });
});

test("a worker that was not seen for fifteen seconds is away", async () => {
  const later = { now: () => new Date(world.deps.clock.now().getTime() + 15_001) };
  expect(await ready({ ...world.deps, clock: later })).toMatchObject({ status: "degraded", worker: "away" });
});
