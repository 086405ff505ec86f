// A job that all who were asked refused before it ran: until when it is waited for somebody who does not.
import type { BatchEnd } from "../execution/batch-state.ts";
import { RULES } from "./constants.ts";
import { isRefusal } from "./failure.ts";

/** An execution of a panel, each of another owner. Both null while it lives */
export interface Tried {
  readonly endCause: BatchEnd | null;
  readonly endedAt: Date | null;
}

/** Whether a panel came to refusals and nothing else, and to enough of them to tell of the job. */
export function isRefused(panel: readonly Pick<Tried, "endCause">[]): boolean {
  return panel.length >= RULES.refusalsThatTell && panel.every(({ endCause }) => isRefusal(endCause));
}

/**
 * From when on a refused job ends where no machine of another owner fits it. Whoever refused is not asked again, so that
 * then nobody is left; where one is, busy or not, it waits for that one as any job does.
 * @returns null where the panel is not refused: it never ends by this
 */
export function refusedUntil(panel: readonly Tried[]): Date | null {
  if (!isRefused(panel)) return null;
  const last = Math.max(...panel.map(({ endedAt }) => endedAt?.getTime() ?? 0));
  return new Date(last + RULES.refusedPatienceSeconds * 1000);
}

/** The one way in which all of them refused; null where there are several. */
export function refusedAlike(panel: readonly Pick<Tried, "endCause">[]): BatchEnd | null {
  const ends = new Set(panel.map(({ endCause }) => endCause));
  const [end] = ends;
  return ends.size === 1 && end ? end : null;
}
