// A PostgreSQL of its own for one run: durable settings, in a temporary folder that goes with it.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { startPostgres } from "../scripts/embedded-postgres.ts";
import { migrateDatabase } from "../scripts/migrate.ts";
import { PROFILING } from "./profile.ts";

export interface BenchPostgres {
  readonly version: string;
  /** A new database; migrated unless `bare`. */
  database(name: string, bare?: "bare"): Promise<string>;
  /** CPU time the server has taken so far, in seconds; null where there is no /proc. */
  cpuSeconds(): Promise<number | null>;
  stop(): Promise<void>;
}

export async function openPostgres(): Promise<BenchPostgres> {
  const folder = await mkdtemp(join(tmpdir(), "berth-bench-"));
  const options = { dataDir: join(folder, "data"), password: "bench", durable: true };
  let server = await startPostgres(options);
  if (PROFILING) {
    const admin = postgres(server.url, { max: 1 });
    await admin`alter system set shared_preload_libraries = 'pg_stat_statements'`;
    await admin.end();
    await server.stop();
    server = await startPostgres(options);
  }
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  const [row] = await sql<[{ version: string }]>`select split_part(version(), ' ', 2) as version`;
  return {
    version: row.version,
    async database(name, bare) {
      await sql`create database ${sql(name)}`;
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      if (!bare) await migrateDatabase(url.href);
      return url.href;
    },
    cpuSeconds: () => cpuSecondsOf(server.pid),
    async stop() {
      await sql.end({ timeout: 5 });
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const TICKS_PER_SECOND = 100; // what Linux shows in /proc, whatever the kernel counts in

/** Of a process, of its children, and of those of them that have ended. */
async function cpuSecondsOf(pid: number): Promise<number | null> {
  if (process.platform !== "linux") return null;
  let ticks = 0;
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => null);
    if (stat === null) continue;
    const [, parent, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [user, system, endedUser, endedSystem] = fields.slice(9, 13).map(Number);
    if (Number(entry) === pid) ticks += (user ?? 0) + (system ?? 0) + (endedUser ?? 0) + (endedSystem ?? 0);
    else if (Number(parent) === pid) ticks += (user ?? 0) + (system ?? 0);
  }
  return ticks / TICKS_PER_SECOND;
}
