import { expect, test } from "vitest";
import { COUNTED_CODES, EDGE_CODES, EDGES, INCIDENT_CODES, isIncident } from "./incidents.ts";
import { ADMISSIONS, DRAINS, PRESENCES } from "./state.ts";

const VALUES = { admission: ADMISSIONS, presence: PRESENCES, drain: DRAINS } as const;

test("every edge leads to a value that its column has", () => {
  for (const code of EDGE_CODES) {
    const { column, to } = EDGES[code];
    expect(VALUES[column], code).toContain(to);
  }
});

test("every presence that a machine can reach after its first beat is counted", () => {
  const reached = EDGE_CODES.map((code) => EDGES[code])
    .filter(({ column }) => column === "presence")
    .map(({ to }) => to);
  expect(new Set(reached)).toEqual(new Set(PRESENCES.filter((presence) => presence !== "unseen")));
});

test("every code is counted once, and only codes of the catalogue are incidents", () => {
  expect(new Set(COUNTED_CODES).size).toBe(COUNTED_CODES.length);
  expect(INCIDENT_CODES.every(isIncident)).toBe(true);
  expect(["provider-online", "price-changed", "toString", "constructor"].filter(isIncident)).toEqual([]);
});
