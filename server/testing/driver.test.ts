// What our patch of postgres.js promises (patches/): a lost connection costs what was on it, and nothing else.
import postgres from "postgres";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type TestDatabase, testDatabase } from "./database.ts";

let database: TestDatabase;
let other: postgres.Sql;
beforeAll(async () => {
  database = await testDatabase();
  other = postgres(database.url, { max: 1, onnotice: () => {} });
  await other`create table notes (text text)`;
});
afterAll(async () => {
  await other.end();
  await database.close();
});

test("a transaction that loses its connection between two statements writes nothing, and its pool goes on", async () => {
  const sql = postgres(database.url, { max: 1, onnotice: () => {}, backoff: () => 0 });
  try {
    for (let n = 0; n < 20; n++) {
      const lost = sql.begin(async (tx) => {
        const [me] = await tx<[{ pid: number }]>`select pg_backend_pid() as pid`;
        await tx`insert into notes values ('first')`;
        await other`select pg_terminate_backend(${me.pid}, 5000)`;
        // The pool gives the place to somebody else, who must not find this transaction's next statement in it.
        await sql`select 1`.catch(() => sql`select 1`);
        await tx`insert into notes values ('after the connection was lost')`;
      });
      await expect(lost).rejects.toMatchObject({
        code: expect.stringMatching(/^(CONNECTION_CLOSED|57P01|ECONNRESET|EPIPE)$/),
      });
      expect(await sql`select text from notes`).toEqual([]);
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
});

test("connections cut in the middle of many transactions end those, not the process, and all places are usable again", async () => {
  const sql = postgres(database.url, { max: 4, onnotice: () => {}, backoff: () => 0 });
  try {
    for (let round = 0; round < 10; round++) {
      let cut = false;
      const inside = new Set<number>();
      const busy = Array.from({ length: 12 }, () =>
        sql.begin(async (tx) => {
          const [me] = await tx<[{ pid: number }]>`select pg_backend_pid() as pid`;
          inside.add(me.pid);
          while (!cut) await tx`select pg_sleep(0.001)`;
        }),
      );
      const settled = Promise.allSettled(busy);
      await vi.waitFor(() => expect(inside.size).toBe(4), { timeout: 20_000, interval: 5 });
      await other`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`;
      cut = true;
      expect((await settled).some(({ status }) => status === "rejected")).toBe(true);
      expect(await Promise.all(Array.from({ length: 12 }, () => sql`select 1 as one`))).toHaveLength(12);
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
});

test("a statement that fails after its first rows leaves none of them, and no gaps, to the next one on its connection", async () => {
  const sql = postgres(database.url, { max: 1, onnotice: () => {} });
  try {
    await expect(sql`select 1 / (3 - n) as part from generate_series(1, 5) n`).rejects.toMatchObject({ code: "22012" });
    expect([...(await sql`select 1 as one`)]).toEqual([{ one: 1 }]);
  } finally {
    await sql.end({ timeout: 1 });
  }
});
