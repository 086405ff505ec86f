import fc from "fast-check";
import { expect, test } from "vitest";
import type { SearchQuery } from "./operations/provider.ts";
import { readSearch, searchText } from "./search-text.ts";

const amount = fc.integer({ min: 0, max: 64 });
const price = fc.bigInt({ min: 0n, max: 9_999_999n });
const some = <T>(...values: T[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1 });
const someSearch: fc.Arbitrary<SearchQuery> = fc.record(
  {
    gpu: some("A100", "RTX 4090", "a&b=c +%", "é"),
    not_region: some("eu", "us"),
    min_vram_mb: amount,
    max_total_gpus: amount,
    max_price: price,
    status: some("available" as const, "offline" as const),
    sandboxed: fc.boolean(),
    hours: fc.integer({ min: 1, max: 720 }),
    sort: fc.constantFrom("price" as const, "value" as const),
  },
  { requiredKeys: [] },
);

test("what is written is read again as the same search, and written again as the same text", () => {
  fc.assert(
    fc.property(someSearch, (search) => {
      const text = searchText(search);
      const { query } = readSearch(text);
      expect(query && searchText(query)).toBe(text);
      const { sort = "price", ...rest } = search;
      const sorted = Object.fromEntries(
        Object.entries(rest).map(([name, value]) => [name, Array.isArray(value) ? value.toSorted() : value]),
      );
      expect({ sort: "price", ...query }).toEqual({ sort, ...sorted });
    }),
  );
});

test("the order of writing does not matter", () => {
  const [one, other] = [readSearch("region=us&gpu=B&gpu=A"), readSearch("?gpu=A&gpu=B&gpu=A&region=us")];
  expect(one.query && searchText(one.query)).toBe("gpu=A&gpu=B&region=us");
  expect(other.query && searchText(other.query)).toBe("gpu=A&gpu=B&region=us");
});

test.each([
  ["max_price=cheap", "max_price"],
  ["min_gpus=4&max_gpus=2", "min_gpus"],
  ["min_gpus=4&min_gpus=2", "min_gpus"],
  ["colour=red", "colour"],
  ["gpu=A&cursor=abc", "cursor"],
  ["status=asleep", "status"],
  ["hours=721", "hours"],
])("a broken search (%s) is refused, and %s is named", (text, field) => {
  expect(readSearch(text).problems).toMatchObject([{ field }]);
});
