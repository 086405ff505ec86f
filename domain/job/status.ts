// What people see of a rental: a pure view over its newest execution and the reason of its end.
import type { ExecutionStatus } from "../execution/state.ts";
import type { ReasonCode } from "./reasons.ts";

export const RENTAL_STATUSES = ["pending", "running", "stopping", "stopped", "expired", "failed", "cancelled"] as const;
export type RentalStatus = (typeof RENTAL_STATUSES)[number];

/**
 * @param settled whether the job has its end; an execution that failed before running may be placed again
 * @param startedAt when billing began; null where it never ran
 */
export function rentalStatus(
  execution: ExecutionStatus,
  reason: ReasonCode | null,
  startedAt: Date | null,
  settled: boolean,
): RentalStatus {
  switch (execution) {
    case "scheduled":
    case "starting":
      return "pending";
    case "running":
    case "unreachable":
      return "running";
    case "stopping":
      return "stopping";
    case "succeeded":
      return "stopped";
    case "stopped":
      if (reason === "expired") return "expired";
      return startedAt ? "stopped" : "cancelled";
    case "failed":
    case "lost":
      return settled ? "failed" : "pending";
  }
}
