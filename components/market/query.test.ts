import { expect, test } from "vitest";
import { MARKET_FILTER_NAMES } from "../../domain/placement/facets.ts";
import { listNames } from "../../protocol/fields.ts";
import { SearchQuery } from "../../protocol/operations/provider.ts";
import {
  chipsOf,
  LIST_FILTERS,
  MARKET_PARTS,
  marketHref,
  readMarketQuery,
  removals,
  searchWords,
  toggledHref,
  toMoney,
  wireQuery,
} from "./query.ts";

test.each([
  ["0.6", "0.600000"],
  ["$0.60", "0.600000"],
  ["0,6", "0.600000"],
  ["12", "12.000000"],
  [" 1.234567 ", "1.234567"],
])("people may write the price %s, the wire gets %s", (written, sent) => {
  expect(toMoney(written)).toBe(sent);
});

test.each(["cheap", "-1", "0.1234567", "1e3"])("what is no price (%s) is left for the wire to refuse", (written) => {
  expect(toMoney(written)).toBe(written);
});

test("the market knows every filter of the wire, and which of them are lists", () => {
  expect([...MARKET_PARTS, "limit"].sort()).toEqual(Object.keys(SearchQuery.shape).sort());
  expect([...LIST_FILTERS].sort()).toEqual([...listNames(SearchQuery)].sort());
});

test("the address keeps known filters that are not empty: lists whole, of the others the first", () => {
  const params = { gpu: ["RTX 4090", "H100", "H100"], region: "", sort: ["price", "vram"], colour: "red" };
  const query = readMarketQuery({ ...params, max_price: "0.6" });
  expect(query).toEqual({ gpu: ["RTX 4090", "H100"], sort: ["price"], max_price: ["0.600000"] });
  expect(wireQuery(query)).toEqual({ gpu: ["RTX 4090", "H100"], sort: "price", max_price: "0.600000" });
});

test("changing a filter begins at the first page again", () => {
  const query = { gpu: ["H100"], cursor: ["abc"] };
  expect(marketHref(query, { region: ["eu-north"] })).toBe("/?gpu=H100&region=eu-north");
});

test("turning the page keeps the filters", () => {
  expect(marketHref({ gpu: ["H100"] }, { cursor: ["abc"] })).toBe("/?gpu=H100&cursor=abc");
});

test("a filter can be dropped, and no filter is no query", () => {
  expect(marketHref({ gpu: ["H100"] }, { gpu: null })).toBe("/");
});

test("a value of a list goes in, and out again, and the others stay", () => {
  expect(toggledHref({ gpu: ["H100"] }, "gpu", "A100")).toBe("/?gpu=H100&gpu=A100");
  expect(toggledHref({ gpu: ["H100", "A100"] }, "gpu", "H100")).toBe("/?gpu=A100");
});

test("every value has a chip that says it in words and drops it alone", () => {
  const query = { gpu: ["NVIDIA H100", "A100"], min_vram_mb: ["24576"], max_price: ["0.600000"], sort: ["vram"] };
  expect(chipsOf(query).map(({ words, href }) => [words, href])).toEqual([
    ["H100", "/?gpu=A100&min_vram_mb=24576&max_price=0.600000&sort=vram"],
    ["A100", "/?gpu=NVIDIA+H100&min_vram_mb=24576&max_price=0.600000&sort=vram"],
    ["VRAM ≥ 24 GB", "/?gpu=NVIDIA+H100&gpu=A100&max_price=0.600000&sort=vram"],
    ["price ≤ $0.60", "/?gpu=NVIDIA+H100&gpu=A100&min_vram_mb=24576&sort=vram"],
  ]);
});

test("every filter is said in words, not by its name on the wire", () => {
  for (const name of MARKET_FILTER_NAMES) {
    expect(chipsOf({ [name]: ["1024"] })[0]?.words).not.toContain("_");
    expect(removals({ [name]: 1 })[0]?.words).not.toContain(`by ${name}`);
  }
});

test("a saved search reads in words, and one without filters is everything", () => {
  expect(searchWords("gpu=A100&gpu=H100&hours=24&not_region=us")).toBe("A100, H100, not us, free for 24 h");
  expect(searchWords("sort=vram")).toBe("everything");
});

test("a filter that removed nothing is not named", () => {
  expect(removals({ max_price: 2, region: 0 })).toEqual([{ filter: "max_price", count: 2, words: "over the price" }]);
});
