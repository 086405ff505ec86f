// One PostgreSQL for a whole test run, with a migrated template that every test file clones.
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import type { TestProject } from "vitest/node";
import { recoverPostgres, startPostgres } from "../../scripts/embedded-postgres.ts";
import { migrateDatabase } from "../../scripts/migrate.ts";
import { isAlive } from "../../scripts/processes.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** A superuser's URL of the run's server. */
    postgresUrl: string;
  }
}

const HOME = join(tmpdir(), "berth-test-postgres");

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await mkdir(HOME, { recursive: true });
  await sweepKilledRuns();
  const folder = await mkdtemp(join(HOME, `${process.pid}-`));
  const server = await startPostgres({ dataDir: join(folder, "data"), password: "test", durable: false });
  const sql = postgres(server.url, { max: 1 });
  await sql`create database berth_template`;
  await sql.end();
  const template = new URL(server.url);
  template.pathname = "/berth_template";
  await migrateDatabase(template.href);
  project.provide("postgresUrl", server.url);
  return async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
}

/** A run that was killed could not clean up behind itself; its folder carries its process id. */
async function sweepKilledRuns(): Promise<void> {
  for (const name of await readdir(HOME)) {
    if (isAlive(Number.parseInt(name, 10))) continue;
    await recoverPostgres(join(HOME, name, "data"));
    await rm(join(HOME, name), { recursive: true, force: true });
  }
}
