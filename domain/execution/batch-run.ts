// What is left of an execution of a batch job on a node when it has ended.
import type { BatchEnd } from "./batch-state.ts";

/** Why an execution has no result to compare, and for people what happened. */
export interface BatchShortfall {
  readonly end: BatchEnd;
  readonly detail: string;
}

/** What an execution of a batch job left when it ended. */
export interface BatchRun {
  /** null where it completed */
  readonly end: BatchEnd | null;
  readonly detail: string;
  readonly exitCode: number | null;
  /** whole milliseconds from the start of its program to its end */
  readonly runMs: number;
  /** null where it never began */
  readonly startedAt: Date | null;
  readonly stdout: Uint8Array;
  /** its end */
  readonly stderr: Uint8Array;
  /** empty where it did not complete */
  readonly files: readonly { readonly path: string; readonly content: Uint8Array }[];
}
