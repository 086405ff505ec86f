import { expect, test } from "vitest";
import { marketHref, readMarketQuery, removals, toMoney } from "./query.ts";

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

test("the address keeps known filters that are not empty, and the first of what is given twice", () => {
  const params = { gpu: "RTX 4090", region: "", sort: ["price", "vram"], colour: "red", max_price: "0.6" };
  expect(readMarketQuery(params)).toEqual({ gpu: "RTX 4090", sort: "price", max_price: "0.600000" });
});

test("changing a filter begins at the first page again", () => {
  expect(marketHref({ gpu: "H100", cursor: "abc" }, { region: "eu-north" })).toBe("/?gpu=H100&region=eu-north");
});

test("turning the page keeps the filters", () => {
  expect(marketHref({ gpu: "H100" }, { cursor: "abc" })).toBe("/?gpu=H100&cursor=abc");
});

test("a filter can be dropped, and no filter is no query", () => {
  expect(marketHref({ gpu: "H100" }, { gpu: null })).toBe("/");
});

test("a filter that removed nothing is not named", () => {
  expect(removals({ max_price: 2, region: 0 })).toEqual([{ filter: "max_price", count: 2, words: "over the price" }]);
});
