// A reporter of vitest that writes down what passed only the second time, one name a line.
import { appendFileSync } from "node:fs";
import type { Reporter, TestCase } from "vitest/node";

export default class SecondTries implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const file = process.env.BERTH_SECOND_TRIES;
    if (file && test.diagnostic()?.flaky) appendFileSync(file, `${test.fullName}\n`);
  }
}
