// What the broker's own checks prove, and of whom: a canary by what was known before, all that was said of a job once three
// others verified it.
import type { BatchPurpose } from "../job/batch.ts";
import type { Suspicion } from "./checks.ts";
import type { Panel } from "./decide.ts";

export interface Said {
  readonly group: string;
  readonly digest: string;
}

export type Canary<S> =
  /** no two of those that were wrong were so alike */
  | { readonly kind: "known"; readonly right: readonly S[]; readonly wrong: readonly S[] }
  /** others have to say which is right: nothing is held against anybody until then. @property alike one of the other answers */
  | { readonly kind: "doubtful"; readonly alike: readonly S[] };

/**
 * One owner that gives the known answer proves another wrong. It does not prove two wrong that agree with one another: either
 * these collude, or those did whose answer is thought known, and the one is their mate.
 * @param said at least one, each of another owner
 */
export function hearCanary<S extends Said>(said: readonly S[], known: string, agrees: Panel["agrees"]): Canary<S> {
  const right = said.filter(({ digest }) => agrees(known, digest));
  const wrong = said.filter(({ digest }) => !agrees(known, digest));
  const classes = wrong.map((one) => wrong.filter((other) => agrees(one.digest, other.digest)));
  const alike = classes.toSorted((a, b) => b.length - a.length)[0] ?? [];
  if (alike.length > 1 || right.length === 0) return { kind: "doubtful", alike };
  return { kind: "known", right, wrong };
}

export interface SaidOf extends Said {
  /** of the execution that it was said in */
  readonly purpose: BatchPurpose;
  /** as it was heard so far */
  readonly vote: "agreed" | "disagreed" | null;
}

export interface Correction<S> {
  readonly said: S;
  readonly vote: "agreed" | "disagreed";
  /** of what was wrong */
  readonly suspicion: Suspicion | null;
}

/**
 * What three other owners' answer changes in what was heard of a job. What was heard so already is not heard twice: an honest
 * machine that was outvoted once has one error, however often its job is verified again.
 */
export function corrections<S extends SaidOf>(
  said: readonly S[],
  right: string,
  agrees: Panel["agrees"],
): readonly Correction<S>[] {
  const wrong = said.filter(({ digest }) => !agrees(right, digest));
  return said.flatMap((one): Correction<S>[] => {
    const vote = agrees(right, one.digest) ? "agreed" : "disagreed";
    if (one.vote === vote) return [];
    if (vote === "agreed") return [{ said: one, vote, suspicion: null }];
    const owners = new Set(wrong.flatMap(({ digest, group }) => (agrees(one.digest, digest) ? [group] : [])));
    const alone = owners.size === 1;
    const suspicion: Suspicion =
      one.purpose === "canary" ? { kind: "canary", wrong: true, alone } : { kind: "audit", contradicted: true, alone };
    return [{ said: one, vote, suspicion }];
  });
}

/**
 * How a result is verified again when an owner behind it was caught. The word of the others stands, and as many more owners
 * are asked, one for each that is missing: an accomplice among those is then one in so many as attack, but each of them that is
 * caught later makes the result be verified once more, and whoever contradicts it calls for three others. Where nobody is left,
 * three others say what is right. Not three at once for all of it: that cost a third of all executions of checks, and gave
 * colluders that meet there a quorum of strangers' honest work.
 * @param quorum distinct owners that the result needs
 * @param standing distinct owners behind it that are not caught, by its panel or a check of it
 * @returns null: enough stand behind it as it is
 */
export function verifyAgain(
  quorum: number,
  standing: number,
): { readonly kind: "confirm"; readonly copies: number } | { readonly kind: "recheck" } | null {
  if (standing === 0) return { kind: "recheck" };
  return standing >= quorum ? null : { kind: "confirm", copies: quorum - standing };
}
