import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { expectSound } from "../../server/testing/sound.ts";
import { jobsByKey, leftoversWithin, NOTHING } from "./aftermath.ts";
import { type Customer, Journal, jobsOf, keepRenting, newCustomer, stopAll } from "./customers.ts";
import { stackWithMachines } from "./stack.ts";

const CRASHES = 2;
const AWAY_MS = 2_000;
/** What is rented before the first crash, between the two and after the last: at least so long, and so many. */
const PHASE_MS = 5_000;
const PHASE_RENTS = 25;
const PHASE_WITHIN_MS = 40_000;
const ACCOUNTS = 4;
const CLIENTS_PER_ACCOUNT = 2;
/** No answer may take longer, outage or not. */
const PATIENCE_MS = 10_000;

const world = stackWithMachines();
let journal: Journal;
beforeEach(() => {
  journal = new Journal();
});

test("a PostgreSQL that crashes twice under load loses nothing that was acknowledged, and nobody hangs or falls with it", async () => {
  const customers = await Promise.all(Array.from({ length: ACCOUNTS }, () => newCustomer(world.stack.url, journal)));
  const startedMs = performance.now();
  const over = new AbortController();
  const crashes = crashUnderLoad().finally(() => over.abort());
  const clients = customers.flatMap((customer, account) =>
    Array.from({ length: CLIENTS_PER_ACCOUNT }, (_, n) => keepRenting(customer, `a${account}-c${n}`, over.signal)),
  );
  const [backMs] = await Promise.all([crashes, ...clients]);
  const loadMs = performance.now() - startedMs;

  const failures = journal.failures();
  const slowestMs = Math.max(...journal.answers.map(({ ms }) => ms));
  process.stdout.write(
    `${journal.requests} requests in ${Math.round(loadMs)} ms over ${CRASHES} crashes: ${journal.jobs.length} rents ` +
      `and ${journal.stopped.size} stops acknowledged, ${journal.refused.size} refused, ${failures.length} told to try ` +
      `again, ${journal.broken} broken, the slowest answer after ${Math.round(slowestMs)} ms, the first rent ` +
      `${backMs.join(" and ")} ms after PostgreSQL was back\n`,
  );
  expect(failures.length).toBeGreaterThan(CRASHES); // or no request ever met the outage
  expect(failures.filter(({ contentType }) => contentType !== "application/problem+json")).toEqual([]);
  expect(failures.filter(({ status }) => status !== 503)).toEqual([]); // away is not broken: each says when to come back
  expect({ hung: journal.hung, broken: journal.broken }).toEqual({ hung: 0, broken: 0 });
  expect(slowestMs).toBeLessThan(PATIENCE_MS);
  expect([...new Set(journal.refused.values())].filter((code) => code !== "no-capacity")).toEqual([]);

  await expectKept(customers);
  expect({ web: world.stack.web.crashes, worker: world.stack.worker.crashes }).toEqual({ web: [], worker: [] });
});

/** @returns for each crash how long after the server was back the first rent was acknowledged */
async function crashUnderLoad(): Promise<number[]> {
  const backMs: number[] = [];
  await Promise.all([sleep(PHASE_MS), rentsMore(PHASE_RENTS)]);
  for (let crash = 0; crash < CRASHES; crash++) {
    await world.stack.crashDatabase();
    await sleep(AWAY_MS);
    await world.stack.startDatabase();
    const startedMs = performance.now();
    await rentsMore(1);
    backMs.push(Math.round(performance.now() - startedMs));
    await Promise.all([sleep(PHASE_MS), rentsMore(PHASE_RENTS)]);
  }
  return backMs;
}

async function rentsMore(count: number): Promise<void> {
  const target = journal.rented.size + count;
  const deadlineMs = performance.now() + PHASE_WITHIN_MS;
  while (journal.rented.size < target) {
    if (performance.now() > deadlineMs) throw new Error(`no ${count} more rents within ${PHASE_WITHIN_MS} ms`);
    await sleep(20);
  }
}

async function expectKept(customers: readonly Customer[]): Promise<void> {
  const made = await jobsByKey(world.stack.db);
  const promised = [...journal.rented].flatMap(([key, ids]) => [...ids].map((id) => ({ key, id })));
  const sorted = (pairs: readonly { key: string; id: string }[]) => pairs.map(({ key, id }) => `${key} ${id}`).sort();
  expect(sorted(made)).toEqual(sorted(promised)); // as many as were acknowledged, one a key

  await stopAll(customers);
  expect(await leftoversWithin(world.stack.db, 30_000)).toEqual(NOTHING);
  expect(await expectSound(world.stack.db)).toEqual([]);
  const ends = (await Promise.all(customers.map(jobsOf))).flat();
  expect(ends.filter(({ status }) => status !== "stopped" && status !== "cancelled")).toEqual([]);
  expect(ends.map(({ id }) => id).sort()).toEqual([...journal.stopped].sort());
  expect(ends).toHaveLength(journal.jobs.length);
}
