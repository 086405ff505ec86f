import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectSound } from "../../server/testing/sound.ts";
import { jobsByKey, leftoversWithin, NOTHING } from "./aftermath.ts";
import { type Customer, Journal, jobsOf, keepRenting, newCustomer, stopAll } from "./customers.ts";
import { type Machine, startMachine } from "./machine.ts";
import { openStack, type Stack } from "./stack.ts";

const LOAD_MS = 20_000;
const CRASH_AT_MS = [4_000, 11_000];
const AWAY_MS = 2_000;
const ACCOUNTS = 4;
const CLIENTS_PER_ACCOUNT = 2;
/** No answer may take longer, outage or not. */
const PATIENCE_MS = 10_000;

let stack: Stack;
let machines: Machine[];
const journal = new Journal();

beforeAll(async () => {
  stack = await openStack();
  machines = await Promise.all([1, 2].map((n) => startMachine(stack.url, `machine-${n}`, 8)));
});
afterAll(async () => {
  await Promise.all(machines.map((machine) => machine.stop()));
  await stack[Symbol.asyncDispose]();
});

test("a PostgreSQL that crashes twice under load loses nothing that was acknowledged, and nobody hangs or falls with it", async () => {
  const customers = await Promise.all(Array.from({ length: ACCOUNTS }, () => newCustomer(stack.url, journal)));
  const startedMs = performance.now();
  const crashes = crashTwice(startedMs);
  const over = AbortSignal.timeout(LOAD_MS);
  const clients = customers.flatMap((customer, account) =>
    Array.from({ length: CLIENTS_PER_ACCOUNT }, (_, n) => keepRenting(customer, `a${account}-c${n}`, over)),
  );
  await Promise.all([...clients, crashes]);
  const loadMs = performance.now() - startedMs;

  const failures = journal.failures();
  const slowestMs = Math.max(...journal.answers.map(({ ms }) => ms));
  process.stdout.write(
    `${journal.requests} requests in ${Math.round(loadMs)} ms over ${CRASH_AT_MS.length} crashes: ${journal.jobs.length} rents ` +
      `and ${journal.stopped.size} stops acknowledged, ${journal.refused.size} refused, ${failures.length} told to try ` +
      `again, ${journal.broken} broken, the slowest answer after ${Math.round(slowestMs)} ms\n`,
  );
  expect(journal.jobs.length).toBeGreaterThan(30);
  expect(failures.length).toBeGreaterThan(CRASH_AT_MS.length); // or no request ever met the outage
  expect(failures.filter(({ contentType }) => contentType !== "application/problem+json")).toEqual([]);
  expect({ hung: journal.hung, broken: journal.broken }).toEqual({ hung: 0, broken: 0 });
  expect(slowestMs).toBeLessThan(PATIENCE_MS);
  expect([...new Set(journal.refused.values())].filter((code) => code !== "no-capacity")).toEqual([]);

  await expectKept(customers);
  expect({ web: stack.web.crashes, worker: stack.worker.crashes }).toEqual({ web: [], worker: [] });
});

async function crashTwice(startedMs: number): Promise<void> {
  for (const atMs of CRASH_AT_MS) {
    await sleep(atMs - (performance.now() - startedMs));
    await stack.crashDatabase();
    await sleep(AWAY_MS);
    await stack.startDatabase();
  }
}

async function expectKept(customers: readonly Customer[]): Promise<void> {
  const made = await jobsByKey(stack.db);
  const promised = [...journal.rented].flatMap(([key, ids]) => [...ids].map((id) => ({ key, id })));
  const sorted = (pairs: readonly { key: string; id: string }[]) => pairs.map(({ key, id }) => `${key} ${id}`).sort();
  expect(sorted(made)).toEqual(sorted(promised)); // as many as were acknowledged, one a key

  await stopAll(customers);
  expect(await leftoversWithin(stack.db, 30_000)).toEqual(NOTHING);
  expect(await expectSound(stack.db)).toEqual([]);
  const ends = (await Promise.all(customers.map(jobsOf))).flat();
  expect(ends.filter(({ status }) => status !== "stopped" && status !== "cancelled")).toEqual([]);
  expect(ends.map(({ id }) => id).sort()).toEqual([...journal.stopped].sort());
  expect(ends).toHaveLength(journal.jobs.length);
}
