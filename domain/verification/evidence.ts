// What is known of a provider from verified results, and the weight that its word has by it.

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

/** Halves what is known every `halfLifeDays`. */
export function decayed(_stored: StoredEvidence, _now: Date): Evidence {
  throw new Error("UNBUILT");
}

/** ε = max(0.01, (1+bad)/(10+n)), n = verified + bad. */
export function errorRate(_evidence: Evidence): number {
  throw new Error("UNBUILT");
}

/** w = 1/ε − 1. */
export function weightOf(_evidence: Evidence): number {
  throw new Error("UNBUILT");
}

export function isProven(_evidence: Evidence): boolean {
  throw new Error("UNBUILT");
}

/** What is kept after one more verified result. */
export function withVote(_stored: StoredEvidence, _vote: "agreed" | "disagreed", _now: Date): StoredEvidence {
  throw new Error("UNBUILT");
}
