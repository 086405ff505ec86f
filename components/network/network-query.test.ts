import { expect, test } from "vitest";
import { decayedCount, networkHref, nodeFilters, readNodeQuery, share } from "./network-query.ts";

const USUAL = { status: "", standing: "", runtime: "", gpu: "", region: "", search: "", sort: "verified" };

test("what makes no sense in the address is left out", () => {
  const query = readNodeQuery({
    ...{ status: "gone", sort: "luck", gpu: "yes", region: " ", search: "x".repeat(81) },
    standing: ["proven", "newcomer"],
  });
  expect(query).toEqual({ ...USUAL, standing: "proven" });
  expect(readNodeQuery({ search: "a\u0000b", region: "y".repeat(33) })).toEqual(USUAL);
});

test("a link says only what is not usual, and another filter begins at the first page", () => {
  const query = readNodeQuery({ status: "busy", search: " H100 ", cursor: "abc" });
  expect(networkHref(query, { gpu: "1" })).toBe("/network?status=busy&gpu=1&search=H100");
  expect(networkHref(query, { search: "" }, "abc")).toBe("/network?status=busy&cursor=abc");
  expect(networkHref(readNodeQuery({}), {})).toBe("/network");
});

test("whatever the address asks, the list is asked in words it knows", () => {
  const params = { status: "busy", standing: "proven", runtime: "docker", gpu: "1", region: "eu", search: "H100" };
  expect(nodeFilters(readNodeQuery(params))).toEqual({ ...params, gpu: true });
  expect(Object.values(nodeFilters(readNodeQuery({}))).filter((value) => value !== undefined)).toEqual([]);
});

test("a share is never rounded up to a promise", () => {
  expect([share(1), share(0.9999), share(0.5), share(0)]).toEqual(["100 %", "99.9 %", "50.0 %", "0.0 %"]);
});

test("decayed counts have a figure after the point while they are small", () => {
  expect([decayedCount(0), decayedCount(1.96), decayedCount(211.7)]).toEqual(["0.0", "2.0", "212"]);
});
