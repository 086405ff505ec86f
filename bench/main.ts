// npm run bench [-- name …]: Berth beside stated baselines, on one machine in one run. Prints a table; keeps nothing.
import { cpus, loadavg, release, totalmem } from "node:os";
import { parseEnv } from "../server/env.ts";
import { createRuntime } from "../server/runtime.ts";
import { benchBatch } from "./batch.ts";
import { benchBatchLatency } from "./batch-latency.ts";
import { type BenchPostgres, openPostgres } from "./database.ts";
import { benchHeartbeats } from "./heartbeats.ts";
import { benchHistories } from "./histories.ts";
import { benchKubernetes } from "./kubernetes.ts";
import { type Row, table } from "./measure.ts";
import { benchPgHistories } from "./pg-histories.ts";
import { benchRentals } from "./rentals.ts";
import { benchRestart } from "./restart.ts";
import { benchRings } from "./rings.ts";
import { benchSearch } from "./search.ts";
import { startServer } from "./server-process.ts";
import { benchVerification } from "./verification-sim/main.ts";

async function withRuntime<T>(databaseUrl: string, work: (deps: Runtime["deps"]) => Promise<T>): Promise<T> {
  const { deps, close } = await createRuntime(parseEnv({ DATABASE_URL: databaseUrl, BERTH_DEMO: "1" }), "bench");
  try {
    return await work(deps);
  } finally {
    await close();
  }
}
type Runtime = Awaited<ReturnType<typeof createRuntime>>;

async function withServers<T>(databaseUrl: string, work: (wire: Server, echo: Server) => Promise<T>): Promise<T> {
  const wire = await startServer("wire", databaseUrl);
  const echo = await startServer("echo");
  try {
    return await work(wire, echo);
  } finally {
    await wire.stop();
    await echo.stop();
  }
}
type Server = Awaited<ReturnType<typeof startServer>>;

/** What there is to measure, by the name it can be asked for. */
const PARTS: Readonly<Record<string, (postgres: BenchPostgres) => Promise<{ rows: Row[]; note?: string }>>> = {
  rentals: async (postgres) => ({ rows: await withRuntime(await postgres.database("rentals"), benchRentals) }),
  heartbeats: async (postgres) => {
    const url = await postgres.database("heartbeats");
    return withRuntime(url, (deps) => withServers(url, (wire, echo) => benchHeartbeats(deps, postgres, wire, echo)));
  },
  search: async (postgres) => {
    const url = await postgres.database("search");
    return withRuntime(url, (deps) => withServers(url, (wire, echo) => benchSearch(deps, wire, echo)));
  },
  rings: async (postgres) => ({ rows: await benchRings(await postgres.database("rings", "bare")) }),
  batch: async (postgres) => {
    const url = await postgres.database("batch");
    return withRuntime(url, (deps) => benchBatch(deps, postgres, url));
  },
  "batch-latency": async () => ({ rows: [], note: await benchBatchLatency(onEnd) }),
  restart: (postgres) => benchRestart(postgres, onEnd),
  kubernetes: (postgres) => benchKubernetes(postgres, onEnd),
};
/** Needs no database, or brings its own; only by their names. */
const PURE: Readonly<Record<string, () => Promise<string>>> = {
  verification: benchVerification,
  histories: async () => `${await benchHistories()}.\n\n${await benchPgHistories(onEnd)}`,
};
/** Only by their names: they build what runs, and one needs a cluster. */
const BY_NAME = ["batch-latency", "restart", "kubernetes"];
/** What parts leave outside of this process while they run, in the order in which it came. */
const ends: (() => Promise<void>)[] = [];
let interrupted = false;

/** Not before there is something to take back: until then a signal ends even what never looks up from its sums. */
function onEnd(close: () => Promise<void>): void {
  if (ends.push(close) > 1) return;
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, async () => {
      interrupted = true;
      for (const end of ends.reverse())
        await end().catch((error: unknown) => process.stderr.write(`${inShort(error)}\n`));
      process.exit(1);
    });
}

async function bench(postgres: BenchPostgres, names: readonly string[]): Promise<void> {
  const startedAtMs = performance.now();
  const [loadBefore = 0] = loadavg();
  const rows: Row[] = [];
  const notes: string[] = [];
  for (const name of names) {
    process.stderr.write(`${name} …\n`);
    const part = await PARTS[name]?.(postgres);
    rows.push(...(part?.rows ?? []));
    if (part?.note) notes.push(part.note);
  }

  const [cpu] = cpus();
  const machine =
    `${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}, ` +
    `Node ${process.version}, PostgreSQL ${postgres.version} (fsync and synchronous_commit on, ` +
    `but off for the commits of rings), client, server and database on this one machine; ` +
    `load average before the start ${loadBefore.toFixed(1)}`;
  process.stdout.write(
    `${rows.length > 0 ? `${table(rows)}\n\nOf rates a higher ratio is better, of times a lower one.\n\n` : ""}` +
      `${[...notes, machine].join("\n\n")}.\n`,
  );
  process.stdout.write(`\`npm run bench\` took ${Math.round((performance.now() - startedAtMs) / 1000)} s.\n`);
}

/** Of a run that is taken back any error is its end, and `onEnd` ends the process. */
function unlessInterrupted(error: unknown): Promise<never> {
  return interrupted ? new Promise(() => undefined) : Promise.reject(error);
}

/** drizzle puts whole statements into its messages; the cause says what went wrong. */
function inShort(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.stack?.slice(0, 600)}\n${error.cause === undefined ? "" : inShort(error.cause)}`;
}

const asked = process.argv.slice(2);
const strange = asked.filter((name) => !(name in PARTS) && !(name in PURE));
if (strange.length > 0) {
  process.stderr.write(
    `There is no ${strange.join(", ")}. Name any of ${Object.keys({ ...PARTS, ...PURE }).join(", ")}, or none for all.\n`,
  );
  process.exit(2);
}
for (const name of asked) {
  const told = await PURE[name]?.().catch(unlessInterrupted);
  if (told !== undefined) process.stdout.write(`${told}.\n`);
}
const timed = asked.filter((name) => name in PARTS);
if (asked.length > 0 && timed.length === 0) process.exit(0);
const postgres = await openPostgres();
onEnd(postgres.stop);
try {
  await bench(postgres, timed.length > 0 ? timed : Object.keys(PARTS).filter((name) => !BY_NAME.includes(name)));
} catch (error) {
  process.stderr.write(`${inShort(error)}\n`);
  process.exitCode = 1;
} finally {
  await postgres.stop();
}
