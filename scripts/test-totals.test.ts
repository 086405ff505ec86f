import { expect, test } from "vitest";
import { playwrightTotal, plus, sayTotal, vitestTotal } from "./test-totals.ts";

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

test("a flaky test failed, and so did a stack that never started", () => {
  const stats = { expected: 6, unexpected: 1, flaky: 2, skipped: 3 };
  expect(playwrightTotal({ stats, errors: [{}] })).toEqual({ passed: 6, failed: 4, skipped: 3 });
});

test("a report that is not one is refused rather than counted as nothing", () => {
  expect(() => vitestTotal({})).toThrow();
  expect(() => playwrightTotal({ stats: {} })).toThrow();
});
