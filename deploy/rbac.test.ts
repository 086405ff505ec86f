import { expect, test } from "vitest";
import { called, given, manifests } from "./testing/rights.ts";

test("the worker's account may do what the adapters call: nothing is missing, nothing is more", () => {
  expect(given("berth-worker").toSorted()).toEqual(called().toSorted());
});

test("the web's account may do nothing", () => {
  expect(given("berth-web")).toEqual([]);
});

test("no rule has a wildcard, escalates, or impersonates", () => {
  const words = manifests().flatMap(({ rules = [] }) =>
    rules.flatMap(({ apiGroups, resources, resourceNames = [], verbs }) => [
      ...[...apiGroups, ...resources, ...resourceNames, ...verbs],
    ]),
  );
  for (const word of words) {
    expect(word).not.toContain("*");
    expect(["escalate", "impersonate"]).not.toContain(word);
  }
});
