import { expect, test } from "vitest";
import {
  because,
  playwrightNamed,
  playwrightTotal,
  plus,
  sayTotal,
  vitestSkipped,
  vitestTotal,
} from "./test-totals.ts";

const vitestReport = { numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1, testResults: [] };

test("the last line is the plain total", () => {
  const total = plus({ passed: 3, failed: 0, skipped: 1 }, { passed: 4, failed: 2, skipped: 0 });
  expect(sayTotal(total)).toBe("7 passed, 2 failed, 1 skipped");
});

test("a test file that does not load is a failure, although no test of it ran", () => {
  const unloaded = { status: "failed", assertionResults: [] };
  expect(vitestTotal(vitestReport)).toEqual({ passed: 5, failed: 1, skipped: 3 });
  expect(vitestTotal({ ...vitestReport, testResults: [unloaded] }).failed).toBe(2);
});

test("what was not run is known by name", () => {
  const assertionResults = [
    { fullName: "a law that holds", status: "passed" },
    { fullName: "a law that does not", status: "failed" },
    { fullName: "a law of a cluster that is not there", status: "skipped" },
  ];
  const report = { ...vitestReport, testResults: [{ status: "failed", assertionResults }] };
  expect(vitestSkipped(report)).toEqual(["a law of a cluster that is not there"]);
});

test("why something failed is said on one short line, with the place of ours where it did", () => {
  const stack = [
    "AssertionError: expected 0 to be\u001b[31m greater\u001b[0m than 0",
    "  - Expected",
    "    at check (file:///w/node_modules/vitest/dist/a.js:1:2)",
    "    at /w/main/scripts/faults/nine.test.ts:96:74",
    "    at node:internal/process:1:2",
  ].join("\n");
  const said = "a law: AssertionError: expected 0 to be greater than 0 - Expected (nine.test.ts:96)";
  expect(because("a law", stack)).toBe(said);
  expect(because("a law", undefined)).toBe("a law");
  expect(because("a law", `Error: ${"x ".repeat(1_000)}`).length).toBeLessThan(320);
  const results = [{ error: { stack: "Error: strict mode\n    at /w/main/e2e/a.spec.ts:8:3" } }, {}];
  const spec = { title: "opens", tests: [{ status: "flaky", results }] };
  const report = { suites: [{ title: "a page", specs: [spec] }] };
  expect(playwrightNamed(report, "flaky")).toEqual(["a page: opens: Error: strict mode (a.spec.ts:8)"]);
});

test("what passed only the second time passed, and a stack that never started failed", () => {
  const stats = { expected: 6, unexpected: 1, flaky: 2, skipped: 3 };
  expect(playwrightTotal({ stats, errors: [{}] })).toEqual({ passed: 8, failed: 2, skipped: 3 });
});

test("a browser's tests are known by name for how they went", () => {
  const spec = (title: string, status: string) => ({ title, tests: [{ status }] });
  const inner = { title: "a page", specs: [spec("opens", "flaky")] };
  const report = { suites: [{ title: "a.spec.ts", specs: [spec("shows", "unexpected")], suites: [inner] }] };
  expect(playwrightNamed(report, "flaky")).toEqual(["a page: opens"]);
  expect(playwrightNamed(report, "unexpected")).toEqual(["a.spec.ts: shows"]);
  expect(playwrightNamed(report, "skipped")).toEqual([]);
});

test("a report that is not one is refused rather than counted as nothing", () => {
  expect(() => vitestTotal({})).toThrow();
  expect(() => playwrightTotal({ stats: {} })).toThrow();
});
