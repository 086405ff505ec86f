// The life of one execution of a batch job as a table: one that ends by itself, or is ended.
import { AppError } from "../errors.ts";
import type { ExecutionStatus } from "./state.ts";

export type BatchExecutionStatus = Extract<
  ExecutionStatus,
  "scheduled" | "running" | "succeeded" | "failed" | "stopped" | "lost"
>;
export const BATCH_EXECUTION_STATUSES = [
  "scheduled",
  "running",
  "succeeded",
  "failed",
  "stopped",
  "lost",
] as const satisfies readonly BatchExecutionStatus[];

/**
 * `result`: it delivered one; `errored`: exit code, infrastructure, refusal or a result that is none; `timedOut`;
 * `gone`: its provider fell silent, lost it or may run nothing any more; `cancelled`: the verdict came without it, or the customer.
 */
export const BATCH_EXECUTION_EVENTS = ["started", "result", "errored", "timedOut", "gone", "cancelled"] as const;
export type BatchExecutionEvent = (typeof BATCH_EXECUTION_EVENTS)[number];

export const BATCH_EXECUTION_TRANSITIONS = {
  scheduled: {
    started: "running",
    result: "succeeded",
    errored: "failed",
    timedOut: "failed",
    gone: "lost",
    cancelled: "stopped",
  },
  running: { result: "succeeded", errored: "failed", timedOut: "failed", gone: "lost", cancelled: "stopped" },
  succeeded: {},
  failed: {},
  stopped: {},
  lost: {},
} as const satisfies Record<BatchExecutionStatus, Partial<Record<BatchExecutionEvent, BatchExecutionStatus>>>;

/** @throws AppError `conflict` where the table has no cell. */
export function advanceBatch(status: BatchExecutionStatus, event: BatchExecutionEvent): BatchExecutionStatus {
  const row: Partial<Record<BatchExecutionEvent, BatchExecutionStatus>> = BATCH_EXECUTION_TRANSITIONS[status];
  const next = row[event];
  if (!next) throw new AppError("conflict", `an execution that is ${status} cannot take ${event}`);
  return next;
}

export function isBatchLive(status: BatchExecutionStatus): boolean {
  return Object.keys(BATCH_EXECUTION_TRANSITIONS[status]).length > 0;
}

/** Why an execution has no result that could be compared. */
export const BATCH_ENDS = [
  "exit-code",
  "timed-out",
  "out-of-memory",
  "out-of-disk",
  "too-large",
  "not-text",
  "missing-file",
  "wrong-hash",
  "image-not-found",
  "image-denied",
  "start-failed",
  "cannot-run",
  "infrastructure",
  "provider-silent",
  "suspended",
  "cancelled",
] as const;
export type BatchEnd = (typeof BATCH_ENDS)[number];
