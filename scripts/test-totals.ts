// Reads how many tests passed out of the reports that the test runners write for machines.
import { z } from "zod";

export interface Total {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NONE: Total = { passed: 0, failed: 0, skipped: 0 };

export function plus(a: Total, b: Total): Total {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

export function sayTotal({ passed, failed, skipped }: Total): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

const VitestReport = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.looseObject({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

/** A file that could not be loaded has no test to its name, and counts as one failure. */
export function vitestTotal(report: unknown): Total {
  const read = VitestReport.parse(report);
  const unloaded = read.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
  return {
    passed: read.numPassedTests,
    failed: read.numFailedTests + unloaded.length,
    skipped: read.numPendingTests + read.numTodoTests,
  };
}

/** What failed, by name: a file stands for itself where it could not be loaded or its hooks threw. */
export function vitestFailed(report: unknown): string[] {
  return VitestReport.parse(report).testResults.flatMap((file) => {
    const tests = file.assertionResults.filter(({ status }) => status === "failed").map(({ fullName }) => fullName);
    return tests.length === 0 && file.status === "failed" ? [file.name] : tests;
  });
}

/** What was not run, by name: nobody should have to find out. */
export function vitestSkipped(report: unknown): string[] {
  const tests = VitestReport.parse(report).testResults.flatMap((file) => file.assertionResults);
  return tests.filter(({ status }) => !["passed", "failed"].includes(status)).map(({ fullName }) => fullName);
}

const PlaywrightReport = z.object({
  stats: z.object({ expected: z.number(), unexpected: z.number(), flaky: z.number(), skipped: z.number() }),
  errors: z.array(z.unknown()),
});

/** A test that passed only the second time passed; an error outside any test (a stack that did not start) failed. */
export function playwrightTotal(report: unknown): Total {
  const { stats, errors } = PlaywrightReport.parse(report);
  return { passed: stats.expected + stats.flaky, failed: stats.unexpected + errors.length, skipped: stats.skipped };
}

interface Suite {
  readonly title: string;
  readonly suites?: readonly Suite[] | undefined;
  readonly specs: readonly { readonly title: string; readonly tests: readonly { readonly status: string }[] }[];
}
const Suite: z.ZodType<Suite> = z.object({
  title: z.string(),
  get suites() {
    return z.array(Suite).optional();
  },
  specs: z.array(z.object({ title: z.string(), tests: z.array(z.object({ status: z.string() })) })),
});

/** Tests of a browser that went as said (`unexpected`: failed; `flaky`: passed the second time; `skipped`), by name. */
export function playwrightNamed(report: unknown, status: "unexpected" | "flaky" | "skipped"): string[] {
  const named = ({ title, suites = [], specs }: Suite): string[] => [
    ...specs.filter(({ tests }) => tests.some((one) => one.status === status)).map((spec) => `${title}: ${spec.title}`),
    ...suites.flatMap(named),
  ];
  return z
    .object({ suites: z.array(Suite) })
    .parse(report)
    .suites.flatMap(named);
}
