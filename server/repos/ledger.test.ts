import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { holdEntries } from "../../domain/money/posting.ts";
import { postings } from "../../drizzle/schema/ledger.ts";
import { openWorld, START, type World } from "../testing/world.ts";
import { post } from "./ledger.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => world[Symbol.asyncDispose]());

const HOLD = { kind: "hold", jobId: null, description: "held", at: START } as const;

function enter(lines: readonly [amount: number, funds: string][]) {
  return world.db.transaction(async (tx) => {
    const id = world.deps.ids.next("post");
    await tx.insert(postings).values({ id, ...HOLD });
    const values = lines.map(([amount, funds]) => sql`(${id}, 'available', 'somebody', ${funds}, ${amount}::bigint)`);
    await tx.execute(
      sql`insert into entries (posting_id, book, owner, funds, amount) values ${sql.join(values, sql`, `)}`,
    );
    return id;
  });
}

const sums = { cause: expect.objectContaining({ message: expect.stringContaining("does not sum to zero") }) };

test("a posting that sums to zero within each kind of funds is booked", async () => {
  await world.db.transaction((tx) => post(tx, world.deps.ids, HOLD, holdEntries("a", { cash: 5n, promotion: 7n })));
  await enter([
    [5, "cash"],
    [-5, "cash"],
    [7, "promotion"],
    [-7, "promotion"],
  ]);
});

test("entries that do not sum to zero are refused, however many sums come with them", async () => {
  await expect(enter([[5, "cash"]])).rejects.toMatchObject(sums);
  const across = enter([
    [5, "cash"],
    [-5, "promotion"],
  ]);
  await expect(across).rejects.toMatchObject(sums);
});

test("of many postings in one statement each has to sum to zero", async () => {
  const two = world.db.transaction(async (tx) => {
    const ids = [world.deps.ids.next("post"), world.deps.ids.next("post")];
    for (const id of ids) await tx.insert(postings).values({ id, ...HOLD });
    await tx.execute(sql`insert into entries (posting_id, book, owner, funds, amount) values
      (${ids[0]}, 'available', 'somebody', 'cash', 5), (${ids[1]}, 'available', 'somebody', 'cash', -5)`);
  });
  await expect(two).rejects.toMatchObject(sums);
});

test("an entry that is added to a posting later is refused", async () => {
  const id = await enter([
    [5, "cash"],
    [-5, "cash"],
  ]);
  const later = world.db.execute(
    sql`insert into entries (posting_id, book, owner, funds, amount) values (${id}, 'available', 'somebody', 'cash', 1)`,
  );
  await expect(later).rejects.toMatchObject(sums);
});

test("the sum is checked once a statement, at once: entries of a posting are written together", async () => {
  const apart = world.db.transaction(async (tx) => {
    const id = world.deps.ids.next("post");
    await tx.insert(postings).values({ id, ...HOLD });
    for (const amount of [5, -5])
      await tx.execute(
        sql`insert into entries (posting_id, book, owner, funds, amount) values (${id}, 'available', 'a', 'cash', ${amount}::bigint)`,
      );
  });
  await expect(apart).rejects.toMatchObject(sums);
});
