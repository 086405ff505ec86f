import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWorld, type World } from "../server/testing/world.ts";
import { startSchedules } from "./schedules.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

test("all sweeps together run, stop when they are told to, and leave no listeners behind", async () => {
  const warnings: string[] = [];
  const hear = ({ message }: Error) => void warnings.push(message);
  process.on("warning", hear);
  const schedules = startSchedules(world.deps, "worker-1");
  await delay(1_500); // a second round of those that run each second
  await schedules.stop();
  process.off("warning", hear);
  expect(warnings.filter((message) => message.includes("memory leak"))).toEqual([]);
});
