// A machine whose infrastructure fails rests: the longer the more often in a row.
import type { BatchEnd } from "../execution/batch-state.ts";

const FIRST_REST_MS = 5_000;
const LONGEST_REST_MS = 600_000;

/** @param errors infrastructure errors in a row, this one too @returns how long it gets no batch job, in ms */
export function restMs(errors: number): number {
  return errors <= 0 ? 0 : Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** (errors - 1));
}

/**
 * Ends that say something of the machine alone. Timeouts, memory and images are not among them: with those a job could
 * put every machine to rest.
 */
export function isMachinesFault(end: BatchEnd): boolean {
  return end === "infrastructure" || end === "wrong-hash" || end === "provider-silent";
}
