// How much of a rental is left, when any of the clocks in play may be wrong. The broker ends rentals; this machine's own
// reckoning is only for when the broker cannot be heard, so it errs on the side of letting work run.

/** All extensions of a rental together stay below this (DESIGN §5: 720 hours). */
const LONGEST_MS = 721 * 3_600_000;
/** For an execution that is wanted now although both clocks say that its time is over. */
const GRACE_MS = 3_600_000;

/**
 * Of the two clocks the broker's counts, because it set the deadline; but an answer that wants an execution to run and
 * whose own time says that it is over (or that it lasts for years) has its time wrong, and this machine's clock is asked.
 * @returns milliseconds, within 0 and 721 hours
 */
export function timeLeft(deadline: string, brokerNow: string, nowMs: number): number {
  const endMs = Date.parse(deadline);
  const spans = [endMs - Date.parse(brokerNow), endMs - nowMs];
  const plausible = spans.find((span) => span > 0 && span <= LONGEST_MS);
  if (plausible !== undefined) return plausible;
  return spans.some((span) => span > LONGEST_MS) ? LONGEST_MS : GRACE_MS;
}
