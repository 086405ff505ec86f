// Law 8 on the wire: what a transaction sends together, the database runs in the order in which locks are to be taken.
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keepStatements } from "../../adapters/system/kept-statements.ts";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { dispatchBatch } from "./dispatch-batch.ts";

let world: World;
let fleet: Fleet;
let watched: postgres.Sql;
const locks: string[] = [];
beforeAll(async () => {
  const sent = (text: string) => {
    if (/for( no key)? update/.test(text)) locks.push(/from "?(\w+)/.exec(text)?.[1] ?? text);
  };
  world = await openWorld();
  watched = postgres(world.url, { max: 1, onnotice: () => {}, debug: (_connection, text) => sent(text) });
  const db = drizzle(keepStatements(watched));
  fleet = await openFleet({ ...world, deps: { ...world.deps, db } }, 2);
});
afterAll(async () => {
  await watched.end();
  await world[Symbol.asyncDispose]();
});

test("a result locks accounts, providers, jobs and executions in this order, the first time and with kept statements", async () => {
  const customer = await world.customer(1);
  for (const _ of ["parsed", "kept", "kept"]) {
    await fleet.submit(customer);
    await dispatchBatch(world.deps);
    for (const run of await fleet.live()) {
      locks.length = 0;
      await fleet.deliver(run, { stdout: "right" });
      expect(locks.slice(0, 4)).toEqual(["accounts", "providers", "batch_jobs", "batch_executions"]);
    }
  }
});
