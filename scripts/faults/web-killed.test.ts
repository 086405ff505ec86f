import { beforeEach, expect, test } from "vitest";
import { expectSound } from "../../server/testing/sound.ts";
import { halfJobs, jobsByKey, leftoversWithin, NOTHING } from "./aftermath.ts";
import { type Customer, insistOnRenting, Journal, newCustomer, rent, stopAll } from "./customers.ts";
import { stackWithMachines } from "./stack.ts";

const ROUNDS = 4;
const AT_ONCE = 24;

const world = stackWithMachines();
let journal: Journal;
beforeEach(() => {
  journal = new Journal();
});

test("a web process killed while it rents leaves each job whole or not at all, and the same key then gets the same job", async () => {
  const customers = await Promise.all(Array.from({ length: 8 }, () => newCustomer(world.stack.url, journal)));
  const cut = { acknowledged: 0, committed: 0, nothing: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const keys = Array.from({ length: AT_ONCE }, (_, n) => `round-${round}-${n}`);
    const acknowledged = await rentUntilKilled(customers, keys, 1 + round * 3);
    await world.stack.web.start();

    const made = new Map((await jobsByKey(world.stack.db)).map(({ key, id }) => [key, id]));
    expect(await halfJobs(world.stack.db)).toEqual([]);
    expect(await expectSound(world.stack.db)).toEqual([]);
    for (const [key, id] of acknowledged) expect(made.get(key)).toBe(id);
    for (const [n, key] of keys.entries()) {
      const before = made.get(key);
      const id = await insistOnRenting(customerOf(customers, n), key, n % 2);
      if (before) expect(id).toBe(before);
      cut[acknowledged.has(key) ? "acknowledged" : before ? "committed" : "nothing"] += 1;
    }
    await stopAll(customers);
    expect(await leftoversWithin(world.stack.db, 30_000)).toEqual(NOTHING);
  }
  process.stdout.write(
    `${ROUNDS * AT_ONCE} rents under ${ROUNDS} kills: ${cut.acknowledged} answered before, ${cut.committed} made but not answered, ${cut.nothing} not made\n`,
  );
  expect(cut.acknowledged).toBeGreaterThan(0);
  expect(cut.nothing).toBeGreaterThan(0);

  const made = await jobsByKey(world.stack.db);
  expect(new Set(made.map(({ key }) => key)).size).toBe(made.length);
  expect(made.map(({ key, id }) => `${key} ${id}`).sort()).toEqual(
    [...journal.rented].flatMap(([key, ids]) => [...ids].map((id) => `${key} ${id}`)).sort(),
  );
  expect(await expectSound(world.stack.db)).toEqual([]);
  expect(world.stack.worker.crashes).toEqual([]);
});

/** Sends every rent at once and kills the web when so many were acknowledged. @returns those that were, by key */
async function rentUntilKilled(customers: readonly Customer[], keys: readonly string[], after: number) {
  const acknowledged = new Map<string, string>();
  let killed: Promise<unknown> | undefined;
  await Promise.allSettled(
    keys.map(async (key, n) => {
      const { id } = await rent(customerOf(customers, n), key, n % 2);
      acknowledged.set(key, id);
      if (acknowledged.size >= after) killed ??= world.stack.web.end("SIGKILL");
    }),
  );
  expect(killed).toBeDefined();
  await killed;
  return acknowledged;
}

function customerOf(customers: readonly Customer[], n: number): Customer {
  return customers[n % customers.length]!;
}
