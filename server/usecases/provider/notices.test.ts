import { expect, test } from "vitest";
import type { Desired } from "../../repos/desired.ts";
import { noticesOf } from "./notices.ts";

const NOW = new Date("2026-01-01T00:00:00.000Z");
const hours = (n: number) => new Date(NOW.getTime() + n * 3_600_000);
const fine: Desired = {
  id: "prov_1",
  generation: 1,
  admission: "approved",
  admissionReason: "",
  presence: "online",
  drain: "none",
  runtime: "docker",
  wanted: [],
  batch: [],
  missing: [],
  maintenance: null,
};
const about = (change: Partial<Desired>, twoAgents = false) =>
  noticesOf({ ...fine, ...change }, { twoAgents, now: NOW });

test("a machine that is well is told nothing", () => {
  expect(about({})).toEqual([]);
});

test("who waits, or was turned away, is told so, with the operator's words", () => {
  expect(about({ admission: "pending" })).toEqual([expect.stringContaining("waits for an operator")]);
  for (const admission of ["rejected", "suspended", "removed"] as const)
    expect(about({ admission, admissionReason: "Too loud." })).toEqual([expect.stringMatching(/: Too loud\.$/)]);
});

test("maintenance is told a day ahead and while it is open, not long before", () => {
  const window = (from: number, to: number) => about({ maintenance: { startsAt: hours(from), endsAt: hours(to) } });
  expect(window(25, 27)).toEqual([]);
  expect(window(23, 25)).toEqual([expect.stringContaining("begins at 2026-01-01T23:00:00.000Z")]);
  expect(window(-1, 1)).toEqual([expect.stringContaining("open until 2026-01-01T01:00:00.000Z")]);
});

test("all that is wrong is told, the gravest first", () => {
  const missing = [{ index: 3, model: "A100" }];
  const notices = about({ admission: "suspended", missing, drain: "draining" }, true);
  expect(notices.map((notice) => notice.split(/[ :]/)[0])).toEqual(["An", "Another", "Missing", "Draining"]);
  expect(notices[2]).toContain("GPU 3 (A100)");
});
