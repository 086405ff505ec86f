// Ways to fail that a job brings about as well as a machine: alone nobody can tell, but owners who fail alike blame the job.
import type { BatchEnd } from "../execution/batch-state.ts";

/** What owners say of a job that fails alike with all of them. */
export const FAILED_ALIKE = {
  "exit-code": "ended with exit code",
  "out-of-memory": "ran out of required_memory",
  "out-of-disk": "ran out of scratch space",
  "too-large": "got more output than the 1 MiB of a result",
  "not-text": "got a stdout that is no text",
  "missing-file": "got no output file of a declared name",
} as const satisfies Partial<Record<BatchEnd, string>>;

export type JobFailure = keyof typeof FAILED_ALIKE;

/** How an execution failed. */
export interface Failure {
  readonly end: BatchEnd | null;
  /** means something beside "exit-code" alone */
  readonly exitCode: number | null;
}

/** Before it ran: others may still show that it can be had, so it is no answer that competes with results. */
const IMAGE_FAILURES: readonly BatchEnd[] = ["image-not-found", "image-denied"];
export const REFUSALS: readonly BatchEnd[] = ["cannot-run", ...IMAGE_FAILURES];

export function isJobFailure(end: BatchEnd): end is JobFailure {
  return Object.hasOwn(FAILED_ALIKE, end);
}

/** Whether it was refused before it ran, whoever's fault that is: the same machine would refuse it again. */
export function isRefusal(end: BatchEnd | null): boolean {
  return end !== null && REFUSALS.includes(end);
}

/** Whether a job brings such an end about as well as a machine. */
export function mayBeJobs(end: BatchEnd): boolean {
  return isJobFailure(end) || IMAGE_FAILURES.includes(end);
}

/**
 * Whether two executions failed in the same way. A way to end that is no exit code is one way, whatever number came with
 * it: a kernel's kill leaves 137 on one machine and nothing on the next.
 */
export function failsAlike(a: Failure, b: Failure): boolean {
  return a.end === b.end && (a.end !== "exit-code" || a.exitCode === b.exitCode);
}
