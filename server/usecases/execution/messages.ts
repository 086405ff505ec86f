// What a timeline says of each step of an execution.
import type { Plan } from "../../../domain/execution/plan.ts";
import type { EndCause, Observed } from "../../../domain/execution/spec.ts";
import type { ExecutionEvent, ExecutionStatus } from "../../../domain/execution/state.ts";

/** Null where the step says nothing that its reason does not. */
export const MESSAGES: { readonly [E in ExecutionEvent]: (from: ExecutionStatus) => string | null } = {
  applied: () => "The provider was told to start it.",
  ready: () => "It runs and SSH answers. Billing from here.",
  succeeded: () => null,
  ended: (from) => (from === "stopping" ? "It stopped." : null),
  gone: (from) => (from === "stopping" ? "It stopped." : null),
  heartbeatLost: (from) => (from === "running" ? "The provider fell silent. Not charged until it is back." : null),
  heartbeatSeen: () => "The provider is back. Billing goes on.",
  graceOver: () => null,
  stopRequested: (from) =>
    from === "scheduled" ? "It was stopped before it started." : "The provider was told to stop it.",
  providerLost: () => null,
  gaveUp: () => null,
};

/** Causes whose detail is a sentence of the cluster's, not the end of a program's log. */
const EXPLAINED: readonly EndCause[] = [
  "image-not-found",
  "image-denied",
  "unfit-image",
  "start-failed",
  "unschedulable",
  "ssh-silent",
  "out-of-disk",
  "evicted",
];

/** The cluster's own words about an end; null where they add nothing, or where the end had another reason. */
export function detailOf(observed: Observed, { event, endedAt }: Plan): string | null {
  if (observed.state !== "ended" || event !== "ended" || !endedAt || !EXPLAINED.includes(observed.cause)) return null;
  return observed.detail.trim() || null;
}
