// The market's pages are read from its indexes: what the database is asked must be in the words of the index.
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Db } from "../deps.ts";
import { type TestDatabase, testDatabase } from "../testing/database.ts";
import { marketPage } from "./market.ts";

let database: TestDatabase;
let client: postgres.Sql;
let asked: { text: string; values: unknown[] } | undefined;
let db: Db;

beforeAll(async () => {
  database = await testDatabase();
  client = postgres(database.url, {
    max: 1,
    onnotice: () => {},
    debug: (_connection, text, values) => {
      if (text.startsWith("select")) asked = { text, values };
    },
  });
  db = drizzle(client);
  await client`insert into accounts (address, created_at) values ('0xa', now())`;
  await client`insert into providers (id, owner, name, region, host, public_key, admission, presence, reputation,
      price_per_gpu_hour, price_per_cpu_hour, hostname, os, architecture, cpu_model, cpu_cores, memory_gb, disk_gb,
      declared, sandboxed, runtime, agent_version, created_at)
    select 'prov_' || n, '0xa', 'p' || n, 'eu', 'h', 'k' || n, 'approved', 'online', n % 1000, n, n, 'h', 'o', 'a', 'c', 1, 1,
      1, true, true, 'process', 'v', now() from generate_series(1, 5000) n`;
  await client`insert into offers (provider_id, gpu_model, provider_name, vram_mb, total_gpus, free_gpus, in_use_gpus,
      free_cpu_cores, free_memory_gb, free_disk_gb, region, reputation, available, admission, presence, declared,
      sandboxed, runtime, price_per_gpu_hour, price_per_cpu_hour)
    select id, 'A', name, 1, 1, 1, 0, 1, 1, 1, region, reputation, true, admission, presence, true, true, runtime,
      price_per_gpu_hour, price_per_cpu_hour from providers`;
  await client.unsafe("vacuum analyze offers");
});
afterAll(async () => {
  await client.end();
  await database.close();
});

test.each(["price", "-price", "reputation", "vram"] as const)(
  "a page ordered by %s is read from its index",
  async (sort) => {
    await marketPage(db, {}, { sort, after: null, limit: 21 });
    const question = asked;
    if (!question) throw new Error("nothing was asked");
    const values = question.values.map((value) => (typeof value === "string" ? `'${value}'` : String(value)));
    const text = question.text.replace(/\$(\d+)/g, (_, n: string) => values[Number(n) - 1] ?? "null");
    const plan = await db.execute(sql.raw(`explain ${text}`));
    expect(JSON.stringify(plan)).toMatch(/Index Scan using offers_market_/);
    expect(JSON.stringify(plan)).not.toMatch(/Sort/);
  },
);
