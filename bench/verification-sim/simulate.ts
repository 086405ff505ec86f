// One cell of the table: an attack against a policy, played over some seeds and counted.
import { type Played, playBerth } from "./berth.ts";
import { boincJob, playPeer, seedJob } from "./peers.ts";
import { DAY_MS, openWorld, type Scenario, TRUTH, type World, type WorldSize } from "./world.ts";

export const POLICIES = ["seed", "boinc", "standard", "high"] as const;
export type Policy = (typeof POLICIES)[number];

/** Shares are 0…1, means over all seeds. */
export interface Cell {
  readonly wrong: number;
  /** accepted at first, before anything was recalled */
  readonly wrongAtFirst: number;
  readonly unresolved: number;
  /** started, checks included */
  readonly perJob: number;
  readonly checksPerJob: number;
  /** honest machines in quarantine at the end, of all honest ones; null where the policy has no quarantine */
  readonly falselyCaught: number | null;
  /** attackers that were caught, of those that lied at all; null likewise, and where nobody lied */
  readonly caught: number | null;
  /** median days from a machine's first lie to its capture; null where none was caught */
  readonly daysToCatch: number | null;
  readonly liesToCatch: number | null;
}

const PLAYS = {
  seed: (world) => once(playPeer(world, seedJob)),
  boinc: (world) => once(playPeer(world, boincJob)),
  standard: (world) => playBerth(world, 2),
  high: (world) => playBerth(world, 3),
} as const satisfies Record<Policy, (world: World) => Played>;

const once = (accepted: Played["first"]): Played => ({ first: accepted, final: accepted });

export function simulate(size: WorldSize, scenario: Scenario | null, policy: Policy, seeds: readonly number[]): Cell {
  const runs = seeds.map((seed) => {
    const world = openWorld(size, scenario, seed);
    return { world, played: PLAYS[policy](world) };
  });
  const jobs = size.jobs * seeds.length;
  const count = (of: (played: Played) => number) => runs.reduce((sum, { played }) => sum + of(played), 0) / jobs;
  const nodes = runs.flatMap(({ world }) => world.nodes);
  const honest = nodes.filter(({ kind }) => kind === "honest");
  const liars = nodes.filter(({ kind, lies }) => kind !== "honest" && lies > 0);
  const caught = liars.filter(({ quarantined }) => quarantined);
  const quarantines = policy === "standard" || policy === "high";
  return {
    wrong: count(({ final }) => wrongIn(final)),
    wrongAtFirst: count(({ first }) => wrongIn(first)),
    unresolved: count(({ final }) => final.filter((accepted) => accepted === null).length),
    perJob: runs.reduce((sum, { world }) => sum + world.executions, 0) / jobs,
    checksPerJob: runs.reduce((sum, { world }) => sum + world.checks, 0) / jobs,
    falselyCaught: quarantines ? honest.filter(({ quarantined }) => quarantined).length / honest.length : null,
    caught: quarantines && liars.length > 0 ? caught.length / liars.length : null,
    daysToCatch: median(caught.map(({ caughtMs, firstLieMs }) => ((caughtMs ?? 0) - (firstLieMs ?? 0)) / DAY_MS)),
    liesToCatch: median(caught.map(({ lies }) => lies)),
  };
}

function wrongIn(accepted: Played["final"]): number {
  return accepted.filter((digest) => digest !== null && digest !== TRUTH).length;
}

function median(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;
}
