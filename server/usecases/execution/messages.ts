// What a timeline says of each step of an execution.
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
