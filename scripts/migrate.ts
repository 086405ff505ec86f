// Brings a database up to date: Berth's own migrations, then those of BullMQ's PostgreSQL backend.
import { fileURLToPath, pathToFileURL } from "node:url";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import { migrateQueue } from "../server/adapters/queue/bullmq.ts";

/** Any number; the same one in every replica, so that only one of them migrates at a time. */
const MIGRATION_LOCK = 0x62657274;

const migrationsFolder = fileURLToPath(new URL("../drizzle/migrations", import.meta.url));

/**
 * Applies what is missing; does nothing where nothing is. Replicas may race: each waits for the one before it.
 * @param url a PostgreSQL URL whose role may create schemas
 * @throws when a migration fails; what it began is rolled back
 */
export async function migrateDatabase(url: string): Promise<void> {
  // One connection, so that the session lock and the migrations share it.
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await migrate(drizzle(sql), { migrationsFolder });
    await migrateQueue(url);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const url = process.env.DATABASE_URL;
  if (!url) {
    process.stderr.write("DATABASE_URL is not set: name the PostgreSQL database to migrate.\n");
    process.exit(1);
  }
  await migrateDatabase(url);
}
