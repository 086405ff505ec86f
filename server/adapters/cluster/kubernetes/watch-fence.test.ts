import { type ChildProcess, spawn } from "node:child_process";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "../../../testing/database.ts";
import { fenced } from "./watch-fence.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function worker() {
  const child = spawn(process.execPath, ["--import", "tsx", "server/testing/watch-child.ts", database.url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const said: string[] = [];
  child.stdout.on("data", (chunk: Buffer) => said.push(...chunk.toString().trim().split("\n")));
  return { child, said };
}
/** One of them watches; that one and the other. */
async function oneOf<W extends { said: string[] }>(workers: [W, W]): Promise<[W, W]> {
  await expect.poll(() => workers.filter(({ said }) => said.includes("watches")).length, { timeout: 60_000 }).toBe(1);
  const [a, b] = workers;
  return a.said.includes("watches") ? [a, b] : [b, a];
}

test.each(["SIGKILL", "SIGSTOP", "SIGTERM"] as const)(
  "of two workers one watches; after %s of that one the other takes over within seconds",
  async (signal) => {
    const [holder, other] = await oneOf([worker(), worker()]);
    expect(other.said).toEqual([]);
    holder.child.kill(signal);
    await expect.poll(() => other.said, { timeout: 60_000 }).toEqual(["watches"]);
    if (signal !== "SIGSTOP") return;
    // Thawed, it finds that it watches no more.
    holder.child.kill("SIGCONT");
    await expect.poll(() => holder.said, { timeout: 30_000 }).toContain("stops");
    expect(other.said).toEqual(["watches"]);
  },
  180_000,
);

test("a watcher whose session the database ends stops, and watches again", async () => {
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const stop = new AbortController();
  let started = 0;
  let running = 0;
  const work = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      started++;
      running++;
      signal.addEventListener("abort", () => {
        running--;
        resolve();
      });
    });
  const watching = fenced({ databaseUrl: database.url, log, tryEveryMs: 200 }, work, stop.signal);
  await expect.poll(() => started, { timeout: 10_000 }).toBe(1);
  const admin = postgres(database.url, { max: 1, onnotice: () => {} });
  await admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'berth-watcher'
    and datname = current_database()`;
  await expect.poll(() => started, { timeout: 10_000 }).toBe(2);
  expect(running).toBe(1);
  stop.abort();
  await watching;
  expect(running).toBe(0);
  const locks = await admin`select 1 from pg_locks l join pg_database d on d.oid = l.database
    where l.locktype = 'advisory' and d.datname = current_database()`;
  expect(locks).toHaveLength(0);
  await admin.end();
});
