import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "../../testing/database.ts";
import { keepStatements, MOST_KEPT } from "./kept-statements.ts";

let database: TestDatabase;
let client: postgres.Sql;
let db: ReturnType<typeof drizzle>;
beforeAll(async () => {
  database = await testDatabase();
});
beforeEach(async () => {
  await client?.end();
  client = postgres(database.url, { max: 1, onnotice: () => {} });
  db = drizzle(keepStatements(client));
});
afterAll(async () => {
  await client.end();
  await database.close();
});

/** Texts that this one connection holds; the client keeps some of its own, without parameters. */
async function kept(): Promise<string[]> {
  const rows = await client.unsafe<{ statement: string }[]>(
    "select statement from pg_prepared_statements where statement like '%$1%'",
  );
  return rows.map(({ statement }) => statement).sort();
}

test("a statement is parsed once a connection, within transactions and outside of them", async () => {
  for (const n of [1, 2, 3]) {
    expect(await db.execute(sql`select ${n}::int as n`)).toMatchObject([{ n }]);
    await db.transaction(async (tx) => {
      expect(await tx.execute(sql`select ${n}::int as n`)).toMatchObject([{ n }]);
      expect(await tx.execute(sql`select ${n}::int + 1 as more`)).toMatchObject([{ more: n + 1 }]);
    });
  }
  expect(await kept()).toEqual(["select $1::int + 1 as more", "select $1::int as n"]);
});

test("what is sent together in a transaction is answered in its order, and an error undoes all of it", async () => {
  await client.unsafe("create temporary table counted (n int primary key)");
  const add = (n: number) => sql`insert into counted select ${n}::int returning n`;
  await db.transaction((tx) => tx.execute(add(0)));
  const three = await db.transaction((tx) => Promise.all([1, 2, 3].map((n) => tx.execute(add(n)))));
  expect(three.flat()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  const twice = db.transaction((tx) => Promise.all([4, 1, 5].map((n) => tx.execute(add(n)))));
  await expect(twice).rejects.toMatchObject({ cause: { code: "23505" } });
  expect(await db.execute(sql`select count(*)::int as all from counted`)).toMatchObject([{ all: 4 }]);
});

test("texts without end do not fill the connection", async () => {
  for (let n = 0; n < MOST_KEPT + 5; n++)
    await db.execute(sql.raw(`select ${n} as n where `).append(sql`${n}::int = ${n}::int`));
  expect(await kept()).toHaveLength(MOST_KEPT);
}, 120_000);

test("a statement of a table that has changed since is answered as the table is now", async () => {
  await client.unsafe("create temporary table changing (a int); insert into changing values (1)");
  const all = () => db.execute(sql`select * from changing where a = ${1}`);
  expect(await all()).toEqual([{ a: 1 }]);
  await client.unsafe("alter table changing add column b int");
  expect(await all()).toEqual([{ a: 1, b: null }]);
});
