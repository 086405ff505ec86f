import fc from "fast-check";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isId } from "../../../domain/ids.ts";
import { type TestDatabase, testDatabase } from "../../testing/database.ts";
import { databaseClock } from "./clock.ts";
import { systemIds } from "./ids.ts";
import { secretBox } from "./secret-box.ts";

let database: TestDatabase;
let sql: postgres.Sql;
beforeAll(async () => {
  database = await testDatabase();
  sql = postgres(database.url, { max: 1, onnotice: () => {} });
});
afterAll(async () => {
  await sql.end();
  await database.close();
});
const pause = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));
/** Generous: the machine may be busy with much else. */
const follows = (apartMs: () => number) => expect.poll(apartMs, { timeout: 20_000, interval: 50 }).toBeLessThan(1_000);

/** Puts a function in front of the server's own clock, so that the database's time is another than this machine's. */
async function shiftDatabaseTime(seconds: number) {
  await sql.unsafe(`create or replace function public.clock_timestamp() returns timestamptz language sql volatile
    as $$ select pg_catalog.clock_timestamp() + interval '${seconds} seconds' $$`);
  await sql.unsafe("set search_path = public, pg_catalog");
}

test("the clock tells the database's time, not this machine's, and follows it", async () => {
  await shiftDatabaseTime(3_600);
  const clock = await databaseClock(sql, { everyMs: 50 });
  try {
    expect(Math.abs(clock.now().getTime() - Date.now() - 3_600_000)).toBeLessThan(1_000);
    await shiftDatabaseTime(7_200);
    await follows(() => Math.abs(clock.now().getTime() - Date.now() - 7_200_000));
  } finally {
    clock.close();
  }
});

test("a small correction backwards never makes time run back; a large one is believed", async () => {
  await shiftDatabaseTime(3_600);
  const clock = await databaseClock(sql, { everyMs: 20 });
  try {
    const before = clock.now();
    await shiftDatabaseTime(3_599.6);
    for (let look = 0; look < 20; look++) {
      expect(clock.now().getTime()).toBeGreaterThanOrEqual(before.getTime());
      await pause(10);
    }
    await shiftDatabaseTime(0);
    await follows(() => Math.abs(clock.now().getTime() - Date.now()));
  } finally {
    clock.close();
  }
});

test("ids are of the domain's shape, carry the clock's time and never repeat", () => {
  const ids = systemIds({ now: () => new Date("2026-06-01T12:00:00Z") });
  const made = Array.from({ length: 1_000 }, () => ids.next("exec"));
  expect(made.every((id) => isId("exec", id))).toBe(true);
  expect(new Set(made).size).toBe(1_000);
  expect(new Set(made.map((id) => id.slice(0, 14))).size).toBe(1);
});

test("a secret is as long as asked, and URL-safe", () => {
  const ids = systemIds({ now: () => new Date() });
  expect(ids.secret(32)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(ids.secret(32)).not.toBe(ids.secret(32));
});

test("what is sealed opens to the same text, and reads differently each time", () => {
  const box = secretBox("ab".repeat(32));
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (plain) => {
      expect(box.open(box.seal(plain))).toBe(plain);
    }),
  );
  expect(box.seal("same")).not.toBe(box.seal("same"));
});

test("a sealed text that was changed anywhere, cut, or sealed with another key does not open", () => {
  const box = secretBox("ab".repeat(32));
  const bytes = Buffer.from(box.seal("a host key").slice(3), "base64url");
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    expect(() => box.open(`v1.${changed.toString("base64url")}`)).toThrow(/changed/);
    expect(() => box.open(`v1.${bytes.subarray(0, at).toString("base64url")}`)).toThrow();
  }
  expect(() => secretBox("cd".repeat(32)).open(box.seal("x"))).toThrow(/another key/);
  expect(() => box.open("v2.AAAA")).toThrow(/version/);
});

test("a key that is not 32 bytes of hex makes no box", () => {
  for (const key of ["", "ab", "zz".repeat(32), "ab".repeat(33)]) expect(() => secretBox(key)).toThrow(/64 hex/);
});
