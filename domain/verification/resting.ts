// A machine that fails rests: the longer the more often in a row.
const FIRST_REST_MS = 5_000;
const LONGEST_REST_MS = 600_000;

/** @param errors ends in a row that were its fault, this one too @returns how long it gets no batch job, in ms */
export function restMs(errors: number): number {
  return errors <= 0 ? 0 : Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** (errors - 1));
}
