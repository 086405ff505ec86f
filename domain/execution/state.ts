// The life of an execution as a table, and the pure step through it.
import { AppError } from "../errors.ts";

export const EXECUTION_STATUSES = [
  "scheduled",
  "starting",
  "running",
  "unreachable",
  "stopping",
  "succeeded",
  "failed",
  "stopped",
  "lost",
] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];

export const EXECUTION_EVENTS = [
  "applied",
  "ready",
  "succeeded",
  "ended",
  "gone",
  "heartbeatLost",
  "heartbeatSeen",
  "graceOver",
  "stopRequested",
  "providerLost",
  "gaveUp",
] as const;
export type ExecutionEvent = (typeof EXECUTION_EVENTS)[number];

/** The whole law of an execution's life. An absent cell is a refused event. */
export const EXECUTION_TRANSITIONS = {
  scheduled: { applied: "starting", stopRequested: "stopped", providerLost: "failed", gaveUp: "failed" },
  starting: {
    ready: "running",
    succeeded: "succeeded",
    ended: "failed",
    heartbeatLost: "failed",
    stopRequested: "stopping",
    gaveUp: "failed",
  },
  running: {
    succeeded: "succeeded",
    ended: "failed",
    gone: "failed",
    heartbeatLost: "unreachable",
    stopRequested: "stopping",
  },
  unreachable: {
    heartbeatSeen: "running",
    succeeded: "succeeded",
    ended: "failed",
    gone: "lost",
    graceOver: "lost",
    stopRequested: "stopping",
  },
  stopping: { gone: "stopped", succeeded: "stopped", ended: "stopped", graceOver: "stopped" },
  succeeded: {},
  failed: {},
  stopped: {},
  lost: {},
} as const satisfies Record<ExecutionStatus, Partial<Record<ExecutionEvent, ExecutionStatus>>>;

export function allows(status: ExecutionStatus, event: ExecutionEvent): boolean {
  return event in EXECUTION_TRANSITIONS[status];
}

/** @throws AppError `conflict` where the table has no cell. */
export function advance(status: ExecutionStatus, event: ExecutionEvent): ExecutionStatus {
  const row: Partial<Record<ExecutionEvent, ExecutionStatus>> = EXECUTION_TRANSITIONS[status];
  const next = row[event];
  if (!next) throw new AppError("conflict", `an execution that is ${status} cannot take ${event}`);
  return next;
}

export function isLive(status: ExecutionStatus): boolean {
  return Object.keys(EXECUTION_TRANSITIONS[status]).length > 0;
}
