// The broker's own checks: canaries, audits, and what follows when a provider is caught.
import type { BatchPurpose } from "../job/batch.ts";
import type { Evidence } from "./evidence.ts";

export interface Decided {
  readonly purpose: BatchPurpose;
  readonly kind: "accepted" | "unverified";
  readonly network: boolean;
  readonly hasEnvironment: boolean;
  readonly reusable: boolean;
  /** of those that agreed */
  readonly evidence: readonly Evidence[];
}

/** Which check follows a decided job; checks are never followed by others. */
export function checkAfter(_job: Decided, _random: () => number): "canary" | "audit" | null {
  throw new Error("UNBUILT");
}

export type Suspicion =
  /** it was wrong where the answer was known */
  | { readonly kind: "canary"; readonly wrong: boolean }
  /** it agreed on what an audit contradicts */
  | { readonly kind: "audit"; readonly contradicted: boolean }
  /** a verdict went against it */
  | { readonly kind: "vote"; readonly disagreed: boolean };

/** Whether a provider is caught: quarantined, its results of the last 72 h verified again. */
export function isCaught(_evidence: Evidence, _suspicion: Suspicion): boolean {
  throw new Error("UNBUILT");
}
