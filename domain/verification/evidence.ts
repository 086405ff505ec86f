// What is known of a provider from verified results, and the weight that its word has by it.
import { RULES } from "./constants.ts";

/** As it is kept: counts that were right at `at`. */
export interface StoredEvidence {
  readonly verified: number;
  readonly bad: number;
  readonly at: Date;
}

/** Decayed to now. */
export interface Evidence {
  readonly verified: number;
  readonly bad: number;
}

export const NO_EVIDENCE: Evidence = { verified: 0, bad: 0 };

const DAY_MS = 86_400_000;

/** Halves what is known every `halfLifeDays`. A clock that runs backwards gives nothing back. */
export function decayed(stored: StoredEvidence, now: Date): Evidence {
  const days = Math.max(0, now.getTime() - stored.at.getTime()) / DAY_MS;
  const left = 0.5 ** (days / RULES.halfLifeDays);
  return { verified: stored.verified * left, bad: stored.bad * left };
}

/** ε = max(0.01, (1+bad)/(10+n)), n = verified + bad. Always below 1. */
export function errorRate({ verified, bad }: Evidence): number {
  return Math.max(RULES.leastErrorRate, (RULES.priorBad + bad) / (RULES.priorRuns + verified + bad));
}

/** w = 1/ε − 1. Always above 0; below 1 for one that is wrong more often than right. */
export function weightOf(evidence: Evidence): number {
  return 1 / errorRate(evidence) - 1;
}

/** To the nearest whole result: the twentieth must not stop counting the second after it came. */
export function isProven({ verified }: Evidence): boolean {
  return Math.round(verified) >= RULES.provenAt;
}

/** What is kept after one more verified result. */
export function withVote(stored: StoredEvidence, vote: "agreed" | "disagreed", now: Date): StoredEvidence {
  const { verified, bad } = decayed(stored, now);
  const at = now > stored.at ? now : stored.at;
  return vote === "agreed" ? { verified: verified + 1, bad, at } : { verified, bad: bad + 1, at };
}
