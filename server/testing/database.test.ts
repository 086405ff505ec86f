import postgres from "postgres";
import { expect, test } from "vitest";
import { migrateDatabase } from "../../scripts/migrate.ts";
import { testDatabase } from "./database.ts";

test("two test files never see each other's rows", async () => {
  const [first, second] = [await testDatabase(), await testDatabase()];
  const [one, two] = [postgres(first.url, { max: 1 }), postgres(second.url, { max: 1 })];
  try {
    await one`create table only_here (id int)`;
    expect(await two`select to_regclass('only_here') as found`).toEqual([{ found: null }]);
  } finally {
    await Promise.all([one.end(), two.end()]);
    await Promise.all([first.close(), second.close()]);
  }
});

test("replicas may race to migrate: the queue's schema is there once and nobody fails", async () => {
  const database = await testDatabase();
  const sql = postgres(database.url, { max: 1, onnotice: () => {} });
  try {
    await sql`drop schema bullmq cascade`;
    await Promise.all(Array.from({ length: 4 }, () => migrateDatabase(database.url)));
    const [row] = await sql`select count(*)::int = max(version) as complete from bullmq.migration`;
    expect(row).toEqual({ complete: true });
  } finally {
    await sql.end();
    await database.close();
  }
});
