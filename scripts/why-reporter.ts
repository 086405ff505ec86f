// A reporter of vitest that writes down, one a line, what failed or passed only the second time, and why. Its report for
// machines has neither the place where a hook failed nor errors outside of any test.
import { appendFileSync } from "node:fs";
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from "vitest/node";
import { because } from "./test-totals.ts";

export default class Why implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    if (state === "failed") say("FAILED", test.fullName, errors[0]);
    else if (test.diagnostic()?.flaky) say("PASSED ONLY THE SECOND TIME", test.fullName, errors?.[0]);
  }

  /** Hooks of a group of tests. */
  onTestSuiteResult(suite: TestSuite): void {
    for (const error of suite.errors()) say("FAILED", suite.fullName, error);
  }

  /** A file that could not be loaded, and hooks of the whole file. */
  onTestModuleEnd(module: TestModule): void {
    for (const error of module.errors()) say("FAILED", module.relativeModuleId, error);
  }

  onTestRunEnd(_modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    for (const error of unhandled) say("FAILED", "outside of any test", error);
  }
}

function say(what: string, name: string, error: SerializedError | undefined): void {
  const file = process.env.BERTH_WHY_FILE;
  if (file) appendFileSync(file, `${what}: ${because(name, error?.stack ?? error?.message)}\n`);
}
