import { expect, test } from "vitest";
import { INSIDE_ROLE } from "../server/adapters/cluster/kubernetes/pods/manifests.ts";
import { called, given, manifests } from "./testing/rights.ts";

test.each(["berth-worker", "berth-web"] as const)(
  "the account of %s may do what its adapters call: nothing is missing, nothing is more",
  (account) => {
    expect(given(account).toSorted()).toEqual(called(account).toSorted());
  },
);

test("the web's rights are bound by nobody but the worker, and never cluster-wide", () => {
  const all = manifests();
  expect(all.flatMap(({ subjects = [] }) => subjects.map(({ name }) => name))).not.toContain("berth-web");
  expect(all.flatMap(({ roleRef }) => roleRef?.name ?? [])).not.toContain(INSIDE_ROLE);
  expect(given("berth-web").filter((right) => !right.startsWith("tenant: "))).toEqual([]);
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
