import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { executions } from "../../../drizzle/schema/job.ts";
import { logStore } from "../../repos/logs.ts";
import { type ProviderWorld, providerWorld, START } from "../../testing/provider-world.ts";
import { forgetOldRows } from "./forget-old-rows.ts";

const DAY_MS = 86_400_000;
let world: ProviderWorld;
beforeAll(async () => {
  world = await providerWorld();
});
afterAll(() => world.close());
beforeEach(() => world.empty());

test("the log of an execution goes 30 days after its end, and not while it runs", async () => {
  const providerId = await world.provider();
  const store = logStore(world.db);
  const over = await world.execution({ providerId, status: "stopped" });
  const runs = await world.execution({ providerId });
  for (const id of [over, runs]) await store.append(id, 0, "line\n", START);
  await world.db.update(executions).set({ endedAt: START }).where(eq(executions.id, over));
  world.pass(30 * DAY_MS);
  await forgetOldRows(world.deps);
  expect(await store.read(over, 0, 10)).toHaveLength(1);
  world.pass(1);
  await forgetOldRows(world.deps);
  expect(await store.read(over, 0, 10)).toEqual([]);
  expect(await store.read(runs, 0, 10)).toHaveLength(1);
});
