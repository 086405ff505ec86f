// What the gauges say of batch jobs: how long executions ran, and how often distinct owners agreed.
import type { Deps } from "../../deps.ts";
import { latestVerdicts, runTimes } from "../../repos/network.ts";

/** A verdict is visible to everybody by then. */
const SETTLED_AFTER_MS = 5_000;
/** Of one look; more would only be slow. */
const MOST_RUNS = 20_000;
const MOST_VERDICTS = 1000;

export interface VerdictFigures {
  /** seconds that executions ran whose jobs were decided since the last look; none at the first */
  readonly runSeconds: readonly number[];
  /** share of the newest thousand verdicts that distinct owners agreed on, 0…1; null before the first */
  readonly consensus: number | null;
}

/** A look that remembers when the last one was; one that fails changes nothing. */
export function verdictFigures(): (deps: Pick<Deps, "db" | "clock">) => Promise<VerdictFigures> {
  let seenUpTo: Date | null = null;
  return async ({ db, clock }) => {
    const upTo = new Date(clock.now().getTime() - SETTLED_AFTER_MS);
    const after = seenUpTo ?? upTo;
    const runs = after < upTo ? await runTimes(db, after, upTo, MOST_RUNS) : [];
    const { accepted } = await latestVerdicts(db, MOST_VERDICTS, upTo);
    if (seenUpTo === null || seenUpTo < upTo) seenUpTo = upTo;
    return { runSeconds: runs.map((ms) => ms / 1000), consensus: accepted };
  };
}
