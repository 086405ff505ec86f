// Whose fault an end is: seen alone, and beside what the others of its panel came to.
import type { BatchEnd } from "../execution/batch-state.ts";
import { RULES } from "./constants.ts";
import { type Decision, membersOf, type Panel, type PanelMember } from "./decide.ts";
import { type Failure, failsAlike, mayBeJobs } from "./failure.ts";

/** Whose fault an error was: the job's is known only in company. */
export type Fault = "job" | "provider" | "infrastructure" | "nobody";

/**
 * Whose fault an end is, seen alone: what a job can bring about is nobody's, or one job could put every machine to rest.
 */
export function faultOf(end: BatchEnd): Fault {
  return FAULTS[end];
}

/**
 * Whose fault an execution's end is once its job is decided. What others managed was not the job's fault; what two owners
 * could not do alike is not theirs: two timeouts may be the job's or not, so they punish nobody. What is not to be told
 * stays as it is seen alone.
 */
export function faultIn(panel: Panel, decision: Decision, { outcome }: PanelMember): Fault {
  if (outcome.kind !== "error") return "nobody";
  const { end } = outcome;
  if (failsLike(outcome, decision)) return "job";
  const managed = decision.kind === "accepted" || decision.kind === "unverified" || decision.kind === "job-error";
  if (managed) return mayBeJobs(end) ? "provider" : (IN_COMPANY[end] ?? faultOf(end));
  const alike = membersOf(panel.members).filter(
    ({ outcome: other }) => other.kind === "error" && failsAlike(outcome, other),
  );
  if (new Set(alike.map(({ group }) => group)).size < RULES.jobErrorAt) return faultOf(end);
  return mayBeJobs(end) ? "job" : faultOf(end);
}

/** Whether an execution failed in the way that the verdict says of the job. */
export function failsLike(failure: Failure, decision: Decision): boolean {
  return decision.kind === "job-error" && failsAlike(failure, decision);
}

const FAULTS = {
  ...{ "exit-code": "nobody", "out-of-memory": "nobody", "out-of-disk": "nobody", "too-large": "nobody" },
  ...{ "not-text": "nobody", "missing-file": "nobody", "image-not-found": "nobody", "image-denied": "nobody" },
  ...{ "cannot-run": "nobody", cancelled: "nobody", "wrong-hash": "provider", "timed-out": "nobody" },
  ...{ "start-failed": "nobody", infrastructure: "infrastructure", "provider-silent": "infrastructure" },
  suspended: "nobody",
} as const satisfies Record<BatchEnd, Fault>;

/** Where others were in time, or began it. */
const IN_COMPANY: Partial<Record<BatchEnd, Fault>> = {
  "timed-out": "infrastructure",
  "start-failed": "infrastructure",
};
