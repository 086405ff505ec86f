import fc from "fast-check";
import { expect, test } from "vitest";
import { readPages } from "./pages.ts";

/** A broker with so many rows, which gives at most a hundred a page and refuses any other wish. */
function broker(total: number) {
  let asked = 0;
  return {
    asked: () => asked,
    ask: async ({ limit, cursor = "0" }: { readonly limit: string; readonly cursor?: string }) => {
      const [from, count] = [Number(cursor), Number(limit)];
      if (count < 1 || count > 100) throw new Error(`no page has ${limit} rows`);
      asked++;
      const rows = Array.from({ length: Math.min(count, total - from) }, (_, n) => from + n);
      return { rows, next_cursor: from + count < total ? String(from + count) : null };
    },
  };
}
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

test("as many rows as were asked for come in their order, with no page more than they need", async () => {
  const numbers = fc.tuple(fc.integer({ min: 0, max: 450 }), fc.integer({ min: 1, max: 450 }));
  await fc.assert(
    fc.asyncProperty(numbers, async ([total, limit]) => {
      const { ask, asked } = broker(total);
      const { rows, last } = await readPages({ limit }, ask, (page) => page.rows);
      expect(rows).toEqual(upTo(Math.min(total, limit)));
      expect(last.next_cursor === null).toBe(total <= limit);
      expect(asked()).toBe(Math.max(1, Math.ceil(Math.min(total, limit) / 100)));
    }),
  );
});

test("all are all, whatever the limit, and a limit of none still asks what there is", async () => {
  const all = await readPages({ limit: 3, all: true }, broker(342).ask, ({ rows }) => rows);
  expect(all.rows).toEqual(upTo(342));
  expect(all.last.next_cursor).toBeNull();
  const none = broker(0);
  expect((await readPages({ limit: 0 }, none.ask, ({ rows }) => rows)).rows).toEqual([]);
  expect(none.asked()).toBe(1);
});
