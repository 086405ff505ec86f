// Reads how many tests passed out of the reports that the test runners write for machines, and says on a line why one failed.
import { stripVTControlCharacters } from "node:util";
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
      status: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
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

const MOST_OF_WHY = 300;

/**
 * A name with why it failed, on one line: what stands far above may be lost where only the end of the output is kept.
 * @param error its message, as a rule with its stack, of which the first place that is ours is shown
 */
export function because(name: string, error: string | undefined): string {
  if (!error) return name;
  const lines = stripVTControlCharacters(error).split("\n");
  const frames = lines.filter((line) => /^\s*at /.test(line));
  const place = frames.find((line) => !line.includes("node_modules") && !line.includes("node:"));
  const said = lines.filter((line) => !frames.includes(line));
  const why = said.join(" ").replace(/\s+/g, " ").trim();
  const short = why.length > MOST_OF_WHY ? `${why.slice(0, MOST_OF_WHY)}…` : why;
  const at = place && /([^/() ]+:\d+):\d+\)?$/.exec(place.trim())?.[1];
  return `${name}: ${short}${at ? ` (${at})` : ""}`;
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
  readonly specs: readonly { readonly title: string; readonly tests: readonly z.infer<typeof SuiteTest>[] }[];
}
const SuiteTest = z.object({
  status: z.string(),
  results: z.array(z.object({ error: z.object({ stack: z.string() }).partial().optional() })).default([]),
});
const Suite: z.ZodType<Suite> = z.object({
  title: z.string(),
  get suites() {
    return z.array(Suite).optional();
  },
  specs: z.array(z.object({ title: z.string(), tests: z.array(SuiteTest) })),
});

/** Tests of a browser that went as said (`unexpected`: failed; `flaky`: passed the second time; `skipped`), and why. */
export function playwrightNamed(report: unknown, status: "unexpected" | "flaky" | "skipped"): string[] {
  const named = ({ title, suites = [], specs }: Suite): string[] => [
    ...specs.flatMap((spec) => {
      const went = spec.tests.filter((one) => one.status === status);
      const error = went.flatMap(({ results }) => results.map((result) => result.error?.stack)).find(Boolean);
      return went.length === 0 ? [] : [because(`${title}: ${spec.title}`, error)];
    }),
    ...suites.flatMap(named),
  ];
  return z
    .object({ suites: z.array(Suite) })
    .parse(report)
    .suites.flatMap(named);
}
