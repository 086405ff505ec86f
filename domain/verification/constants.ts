// Every constant of verification, with its reason. Nothing else in this folder has a number of its own.

export const RULES = {
  /** Start of the error rate, as (1+bad)/(10+n): a newcomer is wrong one time in ten until it shows otherwise (BOINC). */
  priorBad: 1,
  priorRuns: 10,
  /** No machine is ever taken for better than that: more evidence must not make one owner decide alone. */
  leastErrorRate: 0.01,
  /** Share of the weight that a result needs: two newcomers, 81/82 = 0.988, pass; one does not. */
  accept: 0.98,
  /** Verified results that make a provider proven. */
  provenAt: 20,
  /** Most executions of one job, and of them most errors. */
  mostExecutions: 7,
  mostErrors: 3,
  /** Proven providers that all differ before a job counts as nondeterministic. */
  nondeterministicAt: 3,
  /** Distinct non-zero exits alike before the job is to blame. */
  jobErrorAt: 2,
  /** Refusals by distinct owners, and nothing else, that tell of the job rather than of a machine: like exits alike. */
  refusalsThatTell: 2,
  /**
   * So long after the last refusal a machine that did not refuse may still come, before a job ends that none is there for.
   * A machine that joins has an offer with its first report, and is asked within 15 s even where others pass the job;
   * this is some times that, and far less than the ten minutes of a queue.
   */
  refusedPatienceSeconds: 60,
  /** Evidence counts only from panels drawn of so many groups, of which the customer's filters left such a share. */
  evidenceGroups: 5,
  evidenceShare: 0.5,
  /** Evidence loses half its worth in this time. */
  halfLifeDays: 30,
  /**
   * Share of decided jobs that a canary follows; of newcomers' work; and that an audit follows. What so many proven owners
   * stand behind is no newcomer's work, whoever agreed with them.
   */
  canary: 0.03,
  canaryNewcomer: 0.1,
  provenEnough: 2,
  audit: 0.03,
  auditUnverified: 0.1,
  /**
   * A provider is caught once its verified results could come from a machine of `leastErrorRate` with no more chance than
   * that: by votes alone, of which at least so many are against it, or where an answer was known beforehand.
   */
  caughtChance: 0.001,
  caughtLeastBad: 3,
  caughtChanceKnown: 0.1,
  /** How far back the results of a caught provider are verified again. */
  recallHours: 72,
  /** The seed's public score. */
  agreed: 5,
  disagreed: -10,
  /** A slower result than so many medians of those that agree is paid like that many. */
  paidMedians: 1.5,
  /**
   * A hedge goes out when a run takes longer than this share of runs like it; with so many to know from. It is for machines
   * that hang: those that are gone miss their beats, and are replaced sooner. A panel waits for the slowest of its two or
   * three, so 0.995 hedges one panel in a hundred for nothing, 0.98 one in twenty, 0.95 one in seven; each costs an execution
   * (bench/verification-sim).
   */
  hedgePercentile: 0.995,
  hedgeSamples: 20,
  /** Weights are products of fractions: shares closer than that, relatively, are the same share. */
  sameShare: 1e-9,
  /** JSON nested deeper, or with exponents of more digits, is not read: no two readers of it would agree. */
  deepestJson: 200,
  exponentDigits: 6,
} as const;
