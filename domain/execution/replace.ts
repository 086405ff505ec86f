// Which failures of an execution are nobody's wish, so that its job is placed again elsewhere.
import type { ReasonCode } from "../job/reasons.ts";
import type { ExecutionStatus } from "./state.ts";

export const MAX_ATTEMPTS = 3;

const PLACE_AGAIN: readonly ReasonCode[] = [
  "provider-silent",
  "provider-suspended",
  "start-failed",
  "start-timeout",
  "ssh-silent",
  "unschedulable",
  "evicted",
  "node-lost",
];

/** True where the job should be tried on another provider: it never ran, it is still wanted, and it was not pinned to one. */
export function isPlacedAgain(end: {
  readonly status: ExecutionStatus;
  readonly reason: ReasonCode | null;
  readonly startedAt: Date | null;
  readonly desired: "run" | "stop";
  readonly pinned: boolean;
  readonly attempt: number;
}): boolean {
  return (
    end.status === "failed" &&
    end.startedAt === null &&
    end.desired === "run" &&
    !end.pinned &&
    end.attempt < MAX_ATTEMPTS &&
    end.reason !== null &&
    PLACE_AGAIN.includes(end.reason)
  );
}
