// The broker's own checks: canaries, audits, and what follows when a provider is caught.
import type { BatchPurpose } from "../job/batch.ts";
import { RULES } from "./constants.ts";
import { type Evidence, isProven } from "./evidence.ts";

export interface Decided {
  readonly purpose: BatchPurpose;
  readonly kind: "accepted" | "unverified";
  readonly network: boolean;
  readonly hasEnvironment: boolean;
  readonly reusable: boolean;
  /** of those that agreed */
  readonly evidence: readonly Evidence[];
}

/**
 * Which check follows a decided job; checks are never followed by others. A canary has a known answer, so it follows only what
 * was verified, and only where its owner allows and nothing outside it, or secret, goes into it. An audit is run again by a
 * disjoint provider, so it too must not depend on the network.
 * @param random uniform in [0, 1); asked at most once
 */
export function checkAfter(job: Decided, random: () => number): "canary" | "audit" | null {
  if (job.purpose !== "customer" || job.network) return null;
  const isCanary = job.kind === "accepted" && job.reusable && !job.hasEnvironment;
  const rests = job.evidence.filter(isProven).length < RULES.provenEnough;
  const canary = rests ? RULES.canaryNewcomer : RULES.canary;
  const canaries = isCanary ? canary : 0;
  const audits = job.kind === "accepted" ? RULES.audit : RULES.auditUnverified;
  const drawn = random();
  if (drawn < canaries) return "canary";
  return drawn < canaries + audits ? "audit" : null;
}

/**
 * `alone`: no other owner gave the same wrong answer. An honest machine errs alone; one that errs alike with others where the
 * answer is known, or whose result others confirmed against the truth, colludes.
 */
export type Suspicion =
  /** it was wrong where the answer was known */
  | { readonly kind: "canary"; readonly wrong: boolean; readonly alone?: boolean }
  /** it agreed on what an audit contradicts */
  | { readonly kind: "audit"; readonly contradicted: boolean; readonly alone?: boolean }
  /** a verdict went against it */
  | { readonly kind: "vote"; readonly disagreed: boolean };

/**
 * Whether a provider is caught: quarantined, its results of the last 72 h verified again. At once where it was wrong about a
 * known answer, or stood behind what an audit contradicts, unless it was alone in that. Otherwise by a sequential likelihood
 * ratio of its own rate of errors against `leastErrorRate` (generalised SPRT; by Chernoff's bound the chance of a machine that
 * good to look that bad is below exp(−n·KL)): 3 wrong of 3, 5 of 35, 25 of 1 000.
 * @param evidence with what the suspicion is about counted in
 */
export function isCaught(evidence: Evidence, suspicion: Suspicion): boolean {
  if (suspicion.kind === "vote") {
    const enough = Math.round(evidence.bad) >= RULES.caughtLeastBad;
    return suspicion.disagreed && enough && chanceAtMost(evidence) < RULES.caughtChance;
  }
  const isWrong = suspicion.kind === "canary" ? suspicion.wrong : suspicion.contradicted;
  if (!isWrong) return false;
  return suspicion.alone ? chanceAtMost(evidence) < RULES.caughtChanceKnown : true;
}

/** Bound on the chance that a machine wrong at `leastErrorRate` is wrong so often: exp(−n·KL(bad/n ‖ rate)). */
function chanceAtMost({ verified, bad }: Evidence): number {
  const runs = verified + bad;
  const expected = runs * RULES.leastErrorRate;
  if (bad <= expected) return 1;
  const share = verified / (runs - expected);
  const good = share === 0 ? 0 : verified * Math.log(share); // also where so little is left of `verified` that its share is 0
  return Math.exp(-(bad * Math.log(bad / expected) + good));
}
