import { expect, test } from "vitest";
import {
  playwrightNamed,
  playwrightTotal,
  plus,
  sayTotal,
  vitestFailed,
  vitestSkipped,
  vitestTotal,
} from "./test-totals.ts";

const vitestReport = { numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1, testResults: [] };

test("the last line is the plain total", () => {
  const total = plus({ passed: 3, failed: 0, skipped: 1 }, { passed: 4, failed: 2, skipped: 0 });
  expect(sayTotal(total)).toBe("7 passed, 2 failed, 1 skipped");
});

test("a test file that does not load is a failure, although no test of it ran", () => {
  const unloaded = { name: "a.test.ts", status: "failed", assertionResults: [] };
  expect(vitestTotal(vitestReport)).toEqual({ passed: 5, failed: 1, skipped: 3 });
  expect(vitestTotal({ ...vitestReport, testResults: [unloaded] }).failed).toBe(2);
});

test("what was not run and what failed is known by name", () => {
  const assertionResults = [
    { fullName: "a law that holds", status: "passed" },
    { fullName: "a law that does not", status: "failed" },
    { fullName: "a law of a cluster that is not there", status: "skipped" },
  ];
  const unhooked = { name: "b.test.ts", status: "failed", assertionResults: assertionResults.slice(0, 1) };
  const report = {
    ...vitestReport,
    testResults: [{ name: "a.test.ts", status: "failed", assertionResults }, unhooked],
  };
  expect(vitestSkipped(report)).toEqual(["a law of a cluster that is not there"]);
  expect(vitestFailed(report)).toEqual(["a law that does not", "b.test.ts"]);
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
