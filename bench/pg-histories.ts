// npm run bench -- histories: random lives of batch jobs over a real PostgreSQL, with connections cut in the middle. Seeded.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { startPostgres } from "../scripts/embedded-postgres.ts";
import { migrateDatabase } from "../scripts/migrate.ts";
import { type Histories, openHistories } from "../server/testing/batch-history.ts";

const COUNT = 1_000;
const SEED = 1;
/** Played at once, each in a database of its own. */
const LANES = 4;

/**
 * `BENCH_PG_HISTORIES` of them, from `BENCH_SEED` on.
 * @param onEnd keeps what takes everything back, for a run that is interrupted
 * @throws Error with the seed of the first that breaks a law
 */
export async function benchPgHistories(onEnd: (close: () => Promise<void>) => void): Promise<string> {
  const count = Number(process.env.BENCH_PG_HISTORIES ?? COUNT);
  const first = Number(process.env.BENCH_SEED ?? SEED);
  if (!Number.isInteger(count) || count < 0 || !Number.isInteger(first))
    throw new Error("BENCH_PG_HISTORIES and BENCH_SEED are whole numbers");
  if (count === 0) return "No histories over PostgreSQL were asked for";
  const folder = await mkdtemp(join(tmpdir(), "berth-histories-"));
  // What is tested here is no crash of PostgreSQL itself.
  const starting = startPostgres({ dataDir: join(folder, "data"), password: "bench", durable: false });
  const lanes: Histories[] = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= starting.then((server) => server.stop()).then(() => rm(folder, { recursive: true, force: true }));
    return stopped;
  };
  onEnd(stop);
  const server = await starting;
  try {
    for (let lane = 0; lane < LANES; lane++) lanes.push(await openLane(server.url, `lane${lane}`));
    return await playAll(lanes, first, count);
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
    await stop();
  }
}

async function openLane(serverUrl: string, name: string): Promise<Histories> {
  const sql = postgres(serverUrl, { max: 1, onnotice: () => {} });
  await sql`create database ${sql(name)}`;
  await sql.end();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await migrateDatabase(url.href);
  return openHistories({ database: { url: url.href, close: async () => {} } });
}

async function playAll(lanes: readonly Histories[], first: number, count: number): Promise<string> {
  const startedAtMs = performance.now();
  const sums = new Map<string, number>();
  const add = (what: string, times: number) => sums.set(what, (sums.get(what) ?? 0) + times);
  let next = first;
  const play = async (lane: Histories) => {
    while (next < first + count) {
      const { steps, executions, faults, counts } = await lane.play(next++);
      for (const [what, times] of Object.entries({ steps, executions, faults, ...counts })) add(what, times);
      add("histories", 1);
      if ((sums.get("histories") ?? 0) % 100 === 0) process.stderr.write(`${sums.get("histories")} of ${count} …\n`);
    }
  };
  const ended = await Promise.allSettled(lanes.map(play));
  for (const one of ended) if (one.status === "rejected") throw one.reason;
  const whole = (what: string) => Math.round(sums.get(what) ?? 0).toLocaleString("en");
  const named = new Set(["histories", "steps", "executions", "faults"]);
  const counts = [...sums.keys()].filter((what) => !named.has(what)).sort();
  return (
    `${whole("histories")} histories over PostgreSQL, seeds ${first} to ${first + count - 1}, ${whole("steps")} steps, ` +
    `${whole("executions")} executions, ${whole("faults")} use cases whose connection was cut before their end, ` +
    `${((performance.now() - startedAtMs) / 1000).toFixed(0)} s. Among them ` +
    `${counts.map((what) => `${whole(what)} ${what}`).join(", ")}. No law was broken`
  );
}
