// All that a database holds as one fingerprint a table, so that a test can say that nothing was written.
import { sql } from "drizzle-orm";
import type { Db } from "../deps.ts";

/** By table, with its count of rows; but for nonces: those are made for anyone. */
export async function everything(db: Db): Promise<Record<string, string>> {
  const tables = await db.execute<{ name: string }>(
    sql`select table_name as name from information_schema.tables where table_schema = 'public' and table_name <> 'nonces'`,
  );
  const prints: Record<string, string> = {};
  for (const { name } of tables) {
    const [row] = await db.execute<{ print: string }>(
      sql`select count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '') as print from ${sql.identifier(name)} t`,
    );
    prints[name] = row?.print ?? "";
  }
  return prints;
}
