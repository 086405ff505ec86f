// A rental warns before it ends, once for each of these.
export const WARN_MINUTES = [15, 5] as const;
export type WarnMinutes = (typeof WARN_MINUTES)[number];

/**
 * The warning that is due now, if any.
 * @param warned the latest warning already given (its minutes before the end); null for none
 */
export function warningDue(expiresAt: Date, warned: number | null, now: Date): WarnMinutes | null {
  const leftMs = expiresAt.getTime() - now.getTime();
  if (leftMs <= 0) return null;
  const due = [...WARN_MINUTES].reverse().find((minutes) => leftMs <= minutes * 60_000);
  return due !== undefined && (warned === null || due < warned) ? due : null;
}

/** When the next warning falls due; null where all were given. */
export function nextWarningAt(expiresAt: Date, warned: number | null): Date | null {
  const next = WARN_MINUTES.find((minutes) => warned === null || minutes < warned);
  return next === undefined ? null : new Date(expiresAt.getTime() - next * 60_000);
}
