// The laws of the simulation in bench/verification-sim, in a world small enough for a test.
import { describe, expect, test } from "vitest";
import { playHistory } from "../bench/history.ts";
import { SCENARIOS } from "../bench/verification-sim/cells.ts";
import { type Policy, simulate } from "../bench/verification-sim/simulate.ts";

const SMALL = { nodes: 60, jobs: 800, days: 3 };
const opportunists = SCENARIOS.find((scenario) => scenario?.name === "opportunistic, 20 %") ?? null;
const play = (policy: Policy, attack = opportunists, seed = 2) => simulate(SMALL, attack, policy, [seed]);

describe("the simulation of verification", () => {
  test("the same seed gives the same figures, another seed others", () => {
    for (const policy of ["seed", "boinc", "standard"] as const) {
      expect(play(policy)).toEqual(play(policy));
      expect(play(policy)).not.toEqual(play(policy, opportunists, 3));
    }
  });
  test("with nobody attacking, nothing wrong is accepted and at most one honest machine in thirty is caught", () => {
    for (const policy of ["standard", "high"] as const) {
      const cell = play(policy, null);
      expect(cell).toMatchObject({ wrong: 0, wrongAtFirst: 0, caught: null });
      expect(cell.falselyCaught).toBeLessThanOrEqual(1 / 30);
    }
  });
  test("against 20 % opportunistic Sybils standard lets through less than a tenth of what best-first does, at fewer executions", () => {
    const [seed, standard] = [play("seed"), play("standard")];
    expect(seed.wrong).toBeGreaterThan(0.1);
    expect(standard.wrong).toBeLessThan(seed.wrong / 10);
    expect(standard.perJob).toBeLessThan(seed.perJob);
    expect(standard.caught).toBeGreaterThan(0.5);
    expect(standard.wrong).toBeLessThan(standard.wrongAtFirst);
  });
  test("colluders that are known to have one owner get nothing wrong accepted", () => {
    const attack = SCENARIOS.find((scenario) => scenario?.seenAsOne) ?? null;
    expect(play("standard", attack).wrong).toBe(0);
  });
});

test("a thousand random histories of batch jobs break no law", () => {
  const ends = new Set<string>();
  for (let seed = 1; seed <= 1000; seed++) ends.add(playHistory(seed).end);
  expect([...ends].sort()).toEqual([
    "accepted",
    "cancelled",
    "failed",
    "job-error",
    "nondeterministic",
    "unresolved",
    "unverified",
    "without machines",
  ]);
});
