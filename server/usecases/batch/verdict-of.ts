// What is written of a job that is decided: its reason, and its verdict. Pure.
import type { BatchEnd } from "../../../domain/execution/batch-state.ts";
import type { Verdict } from "../../../domain/job/batch.ts";
import type { ReasonCode } from "../../../domain/job/reasons.ts";
import type { Decision } from "../../../domain/verification/decide.ts";

export type Closing = Exclude<Decision, { kind: "wait" }> | { readonly kind: "cancelled"; readonly sentence: string };

export function reasonOf(decision: Exclude<Decision, { kind: "wait" }>): ReasonCode | null {
  if (decision.kind === "job-error") return decision.end === "exit-code" ? "job-error" : decision.end;
  if (decision.kind === "unresolved") return decision.differs ? "no-two-alike" : "unresolved";
  if (decision.kind !== "failed") return REASON_OF[decision.kind];
  return failedReason(decision.end);
}

/** Of a job that machines could not run. @param end in which all of them failed; null where they differ */
export function failedReason(end: BatchEnd | null): ReasonCode {
  return end === "image-not-found" || end === "image-denied" || end === "timed-out" ? end : "too-many-errors";
}

const REASON_OF = {
  accepted: null,
  unverified: null,
  nondeterministic: "nondeterministic",
} as const satisfies Record<"accepted" | "unverified" | "nondeterministic", ReasonCode | null>;

export function verdictOf(decision: Closing, reason: ReasonCode | null): Verdict {
  const { kind, sentence } = decision;
  const standing = { recalledAt: null, recheck: null };
  if (kind !== "accepted" && kind !== "unverified")
    return { kind, reason, digest: null, credibility: null, votes: 0, sentence, ...standing };
  const { digest, credibility, groups } = decision;
  return { kind, reason, digest, credibility, votes: groups, sentence, ...standing };
}
