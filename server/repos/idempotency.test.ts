import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accounts, idempotency } from "../../drizzle/schema/account.ts";
import type { Db } from "../deps.ts";
import { type TestDatabase, testDatabase } from "../testing/database.ts";
import { once, recall } from "./idempotency.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
let database: TestDatabase;
let sql: postgres.Sql;
let db: Db;

beforeAll(async () => {
  database = await testDatabase();
  sql = postgres(database.url, { max: 24, onnotice: () => {} });
  db = drizzle(sql);
});
afterAll(async () => {
  await sql.end();
  await database.close();
});

const attempt = (key: string | null, request: unknown = { hours: 1 }) => ({
  account: "0xa",
  operation: "rent",
  key,
  request,
});
const rows = (key: string) => sql`select * from idempotency where key = ${key}`;

test("twenty twins do the work once and all get its answer", async () => {
  let works = 0;
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      once(db, attempt("twins"), NOW, async () => {
        works += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
        return { job: works };
      }),
    ),
  );
  expect(works).toBe(1);
  expect(answers).toEqual(Array.from({ length: 20 }, () => ({ job: 1 })));
});

test("another request under the same key is refused, even one that came at the same moment", async () => {
  await once(db, attempt("other", { price: 1n, hours: 1 }), NOW, async () => "done");
  await expect(once(db, attempt("other", { price: 2n, hours: 1 }), NOW, async () => "again")).rejects.toMatchObject({
    code: "idempotency-mismatch",
  });
  await expect(recall(db, attempt("other", { price: 2n, hours: 1 }))).rejects.toMatchObject({
    code: "idempotency-mismatch",
  });
  const raced = await Promise.allSettled([1, 2, 3, 4].map((n) => once(db, attempt("raced", n), NOW, async () => n)));
  expect(raced.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("the order of fields, a field left out and a bigint make no other request", async () => {
  await once(db, attempt("same", { a: 1, b: { c: 2n, d: [1, { x: 1, y: 2 }] } }), NOW, async () => "first");
  const same = { b: { d: [1, { y: 2, x: 1 }], c: 2n, e: undefined }, a: 1 };
  expect(await once(db, attempt("same", same), NOW, async () => "second")).toBe("first");
  expect(await recall(db, attempt("same", same))).toBe("first");
});

test("nothing done leaves nothing behind, and the key may be tried again", async () => {
  const nothing = await once(db, attempt("nothing"), NOW, async (tx) => {
    await tx.insert(accounts).values({ address: "0xnothing", createdAt: NOW });
    return null;
  });
  expect(nothing).toBeNull();
  expect(await rows("nothing")).toEqual([]);
  expect(await recall(db, attempt("nothing"))).toBeNull();
  expect(await sql`select 1 from accounts where address = '0xnothing'`).toEqual([]);
  expect(await once(db, attempt("nothing"), NOW, async () => "now")).toBe("now");
});

test("work that throws leaves nothing behind, and the error is the caller's", async () => {
  const thrown = once(db, attempt("thrown"), NOW, async () => {
    throw new Error("no room");
  });
  await expect(thrown).rejects.toThrow("no room");
  expect(await rows("thrown")).toEqual([]);
});

test("without a key every attempt works, and nothing done still rolls back", async () => {
  const before = await db.$count(idempotency);
  expect(await Promise.all([1, 2].map((n) => once(db, attempt(null), NOW, async () => n)))).toEqual([1, 2]);
  const nothing = await once(db, attempt(null), NOW, async (tx) => {
    await tx.insert(accounts).values({ address: "0xkeyless", createdAt: NOW });
    return null;
  });
  expect(nothing).toBeNull();
  expect(await sql`select 1 from accounts where address = '0xkeyless'`).toEqual([]);
  expect(await db.$count(idempotency)).toBe(before);
});

test("the same key of another account or for another operation is another key", async () => {
  await once(db, attempt("mine"), NOW, async () => "mine");
  expect(await once(db, { ...attempt("mine"), account: "0xb" }, NOW, async () => "theirs")).toBe("theirs");
  expect(await once(db, { ...attempt("mine"), operation: "extend" }, NOW, async () => "longer")).toBe("longer");
});
