// Appeals against a loss of reputation.

const DAY_MS = 86_400_000;

/** WorldLand's policy: "Appeal within 7 days, decision 14". */
export const APPEAL_WITHIN_MS = 7 * DAY_MS;
export const APPEAL_ANSWER_MS = 14 * DAY_MS;

/** The reputation event that gives back what an appeal was granted for. */
export const APPEAL_GRANTED = "appeal-granted";

export interface Loss {
  /** as it was applied */
  readonly delta: number;
  readonly at: Date;
}

/** Until when a change of reputation can be appealed; null where it cannot: only losses, once, within seven days. */
export function appealUntil({ delta, at }: Loss, appealed: boolean, now: Date): Date | null {
  const until = new Date(at.getTime() + APPEAL_WITHIN_MS);
  return delta < 0 && !appealed && now < until ? until : null;
}

/** Why it cannot be appealed, for the owner; null where it can. */
export function appealProblem(loss: Loss, appealed: boolean, now: Date): string | null {
  if (loss.delta >= 0) return "Only a loss can be appealed; this event took nothing.";
  if (appealed) return "This loss was appealed already; an appeal is heard once.";
  if (!appealUntil(loss, appealed, now)) return "A loss can be appealed within 7 days; this one is older.";
  return null;
}

/** When an answer is owed. */
export function answerDue(appealedAt: Date): Date {
  return new Date(appealedAt.getTime() + APPEAL_ANSWER_MS);
}
