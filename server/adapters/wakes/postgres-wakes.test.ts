import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { Log } from "../../deps.ts";
import { type TestDatabase, testDatabase } from "../../testing/database.ts";
import { type PostgresWakes, postgresWakes } from "./postgres-wakes.ts";

const log: Log = { info: () => {}, warn: () => {}, error: () => {} };
let database: TestDatabase;
let sql: postgres.Sql;
let wakes: PostgresWakes;

beforeAll(async () => {
  database = await testDatabase();
  sql = postgres(database.url, { max: 2, onnotice: () => {} });
});
afterAll(async () => {
  await sql.end();
  await database.close();
});
beforeEach(async () => {
  wakes = await postgresWakes(database.url, log);
});
afterEach(() => wakes.close());

const wake = (topic: string) => sql`select pg_notify('berth', ${topic})`;

/** Generous: the machine may be busy with much else. */
const WAIT = { timeout: 20_000, interval: 20 };

/** How long it took, in ms. */
async function timed(work: Promise<void>): Promise<number> {
  const startedAtMs = performance.now();
  await work;
  return performance.now() - startedAtMs;
}

test("a wake ends the waits for its topic and no other", async () => {
  const woken = timed(wakes.wait("job:a", 20_000));
  const alsoWoken = timed(wakes.wait("job:a", 20_000));
  const other = timed(wakes.wait("job:b", 400));
  await wake("job:a");
  expect(Math.max(await woken, await alsoWoken)).toBeLessThan(15_000);
  expect(await other).toBeGreaterThan(390);
});

test("an aborted signal ends a wait, also one that was aborted before", async () => {
  const giveUp = new AbortController();
  const waiting = timed(wakes.wait("job:a", 20_000, giveUp.signal));
  setTimeout(() => giveUp.abort(), 50);
  expect(await waiting).toBeLessThan(15_000);
  expect(await timed(wakes.wait("job:a", 20_000, giveUp.signal))).toBeLessThan(15_000);
});

test("a subscriber hears every wake until it leaves, and twice where it subscribed twice", async () => {
  const heard = vi.fn();
  const leave = [wakes.subscribe("job:a", heard), wakes.subscribe("job:a", heard)];
  await wake("job:a");
  await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(2), WAIT);
  leave[0]?.();
  leave[0]?.();
  await wake("job:a");
  await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(3), WAIT);
  leave[1]?.();
  await wake("job:a");
  await wakes.wait("job:b", 200);
  expect(heard).toHaveBeenCalledTimes(3);
});

test("a subscriber that throws spoils no other's wake", async () => {
  const heard = vi.fn();
  wakes.subscribe("job:a", () => {
    throw new Error("no");
  });
  wakes.subscribe("job:a", heard);
  await wake("job:a");
  await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), WAIT);
});

test("ten thousand wait for little, and all are woken", async () => {
  const before = process.memoryUsage().heapUsed;
  const waits = Array.from({ length: 10_000 }, (_, n) => wakes.wait(`provider:${n % 1_000}`, 20_000));
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(40 * 2 ** 20);
  await sql`select pg_notify('berth', 'provider:' || n) from generate_series(0, 999) n`;
  expect(await timed(Promise.all(waits).then(() => {}))).toBeLessThan(15_000);
});

test("a lost connection is taken up again, and everybody looks once it is", async () => {
  const waiting = timed(wakes.wait("job:a", 20_000));
  await cut(1_500);
  expect(await waiting).toBeLessThan(15_000);
  const again = timed(wakes.wait("job:a", 20_000));
  await wake("job:a");
  expect(await again).toBeLessThan(15_000);
});

/** Ends every connection to the database and lets nobody in for `ms`. */
async function cut(ms: number) {
  const name = new URL(database.url).pathname.slice(1);
  const elsewhere = new URL(database.url);
  elsewhere.pathname = "/postgres";
  const server = postgres(elsewhere.href, { max: 1 });
  await server`alter database ${server(name)} with allow_connections false`;
  await server`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
  await new Promise((wake) => setTimeout(wake, ms));
  await server`alter database ${server(name)} with allow_connections true`;
  await server.end();
}
