// Votes sorted into classes of those that agree. Nothing here depends on the order in which they came.

import type { JobFailure } from "./failure.ts";

/** What an owner says a job comes to: a result, or that it fails in this way. */
export type Answer =
  | { readonly kind: "result"; readonly digest: string }
  /** @property exitCode null but for "exit-code" */
  | { readonly kind: "failure"; readonly end: JobFailure; readonly exitCode: number | null };

export interface Vote {
  readonly group: string;
  readonly weight: number;
  readonly answer: Answer;
}

/** Votes for one answer, each of another owner group. */
export interface Class {
  readonly answer: Answer;
  readonly groups: number;
  /** product of the weights of its voters */
  readonly weight: number;
}

/**
 * The class with the greatest weight first, then that of what is left, and so on: every vote is in one class. Where `agrees` is
 * not transitive a class is what agrees with one answer in it; of equal ones, that with the least digest.
 * @param votes at most one a group
 */
export function classesOf(votes: readonly Vote[], agrees: (a: string, b: string) => boolean): readonly Class[] {
  // Sorted, because products of floats depend on their order.
  let left = [...votes].sort((a, b) => (a.group < b.group ? -1 : 1));
  const classes: Class[] = [];
  while (left.length > 0) {
    const answers = new Map(left.map(({ answer }) => [keyOf(answer), answer]));
    let lead: Class | undefined;
    for (const [, answer] of [...answers].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const voters = left.filter((vote) => isAlike(vote.answer, answer, agrees));
      const weight = voters.reduce((product, vote) => product * vote.weight, 1);
      if (!lead || weight > lead.weight) lead = { answer, groups: voters.length, weight };
    }
    if (!lead) break;
    const { answer } = lead;
    classes.push(lead);
    left = left.filter((vote) => !isAlike(vote.answer, answer, agrees));
  }
  return classes;
}

/** P(the class is right), after Sarmenta's credibility: ∏w / (1 + Σ∏w). */
export function shareOf(chosen: Class, classes: readonly Class[]): number {
  return chosen.weight / (1 + classes.reduce((sum, { weight }) => sum + weight, 0));
}

function keyOf(answer: Answer): string {
  return answer.kind === "result" ? `result ${answer.digest}` : `${answer.end} ${answer.exitCode}`;
}

function isAlike(a: Answer, b: Answer, agrees: (a: string, b: string) => boolean): boolean {
  if (a.kind === "failure" || b.kind === "failure") return keyOf(a) === keyOf(b);
  return a.digest === b.digest || agrees(a.digest, b.digest);
}
