// The played world: machines, honest or not, the jobs that they get, and what they answer. Seeded, so always the same.
import type { ExecutionId, ProviderId } from "../../domain/ids.ts";
import { RULES } from "../../domain/verification/constants.ts";
import type { StoredEvidence } from "../../domain/verification/evidence.ts";
import { seeded } from "../../domain/verification/testing.ts";

/**
 * `liar`: always the same lie; `opportunist`: lies only where its mates and it hold a quorum of what they see; `sleeper`:
 * honest until `trustedAt` results were accepted, then a liar; `copier`: runs nothing where it finds an answer to copy.
 */
export type Kind = "honest" | "liar" | "opportunist" | "sleeper" | "copier";

export interface Scenario {
  readonly name: string;
  readonly kind: Exclude<Kind, "honest">;
  /** of all machines, 0…1 */
  readonly share: number;
  /** machines that lie together: all of one attacker, or rings that know nothing of one another */
  readonly ringOf: number | "all";
  /** whether the broker sees that machines of a ring have one owner; else each seems to have its own (Sybils) */
  readonly seenAsOne: boolean;
}

export interface WorldSize {
  readonly nodes: number;
  readonly jobs: number;
  /** over which the jobs come, evenly */
  readonly days: number;
}

export const FULL: WorldSize = { nodes: 300, jobs: 30_000, days: 30 };
export const HONEST_ERROR = 0.004;
const NO_REPLY = 0.03;
/** Of every draw this share of the machines is idle. */
const IDLE = 0.25;
const TRUSTED_AT = 30;
const MEDIAN_RUN_MS = 60_000;
const RUN_SIGMA = 0.5;
/** Runs from which is known when one takes long. */
const KNOWN_RUNS = 10_000;
export const TIMEOUT_MS = 300_000;
export const DAY_MS = 86_400_000;

export interface Node {
  readonly id: ProviderId;
  readonly group: string;
  readonly kind: Kind;
  readonly ring: number;
  stored: StoredEvidence;
  quarantined: boolean;
  /** results of its that were accepted: what a sleeper waits for */
  accepted: number;
  /** the seed's score, and how many jobs it had */
  reputation: number;
  ran: number;
  /** BOINC's consecutive valid results */
  valid: number;
  lies: number;
  firstLieMs: number | null;
  caughtMs: number | null;
}

/** What is run: checks of a job have its content, so whoever remembers it recognises them. */
export interface Content {
  readonly atMs: number;
  /** what a ring of opportunists said of it before; it never contradicts itself */
  readonly said: Map<number, "truth" | "lie">;
  /** answers that a ring of copiers has */
  readonly known: Map<number, string>;
}

export interface World {
  readonly size: WorldSize;
  readonly nodes: readonly Node[];
  readonly random: () => number;
  /** a run that is not over by then is hedged */
  readonly hedgeAfterMs: number;
  /** started, checks included */
  executions: number;
  /** of these the broker's own checks */
  checks: number;
}

export function openWorld(size: WorldSize, scenario: Scenario | null, seed: number): World {
  const attackers = Math.round(size.nodes * (scenario?.share ?? 0));
  const nodes = Array.from({ length: size.nodes }, (_, n): Node => {
    const attacks = scenario && n < attackers;
    const ring = attacks ? (scenario.ringOf === "all" ? 0 : Math.floor(n / scenario.ringOf)) : -1;
    return {
      id: `prov_${n}`,
      group: attacks && scenario.seenAsOne ? `ring ${ring}` : `owner ${n}`,
      kind: attacks ? scenario.kind : "honest",
      ring,
      stored: { verified: 0, bad: 0, at: new Date(0) },
      quarantined: false,
      accepted: 0,
      ...{ reputation: 100, ran: 0, valid: 0, lies: 0, firstLieMs: null, caughtMs: null },
    };
  });
  const random = seeded(seed);
  const known = Array.from({ length: KNOWN_RUNS }, () => runTimeMs(random)).sort((a, b) => a - b);
  const hedgeAfterMs = known[Math.floor(KNOWN_RUNS * RULES.hedgePercentile)] ?? TIMEOUT_MS;
  return { size, nodes, random, hedgeAfterMs, executions: 0, checks: 0 };
}

/** Log-normal, by Box and Muller. */
function runTimeMs(random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return MEDIAN_RUN_MS * Math.exp(RUN_SIGMA * normal);
}

export function contentAt(atMs: number): Content {
  return { atMs, said: new Map(), known: new Map() };
}

/** A quarter of the machines, by chance: those idle now. */
export function idleNodes({ nodes, random }: World): Node[] {
  const all = [...nodes];
  const count = Math.round(all.length * IDLE);
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(random() * (all.length - i));
    const [a, b] = [all[i], all[other]];
    if (a && b) [all[i], all[other]] = [b, a];
  }
  return all.slice(0, count);
}

export interface Run {
  readonly id: ExecutionId;
  readonly node: Node;
  readonly startMs: number;
  /** when its answer comes, or its timeout */
  readonly endMs: number;
  readonly replies: boolean;
  /** filled at its end; null where it never replies */
  answer: string | null;
  ended: boolean;
}

/** @param startMs within the job */
export function startRun(world: World, node: Node, startMs: number): Run {
  const { random } = world;
  const runMs = runTimeMs(random);
  const replies = random() >= NO_REPLY && runMs < TIMEOUT_MS;
  world.executions += 1;
  // Padded: the order of ids is the order in which they were given out.
  const id = `exec_${String(world.executions).padStart(8, "0")}` as const;
  return { id, node, startMs, endMs: startMs + (replies ? runMs : TIMEOUT_MS), replies, answer: null, ended: false };
}

export const TRUTH = "truth";
export const isLie = (answer: string) => answer.startsWith("lie");

export interface Sight {
  /** all executions of this panel so far */
  readonly panel: readonly Run[];
  /** how many alike it takes to be accepted, as everybody knows */
  readonly quorum: number;
  /** whether answers of others can be read before one's own is in */
  readonly isPublic: boolean;
}

/** Ends a run with what its machine says, all it sees considered. */
export function endRun(world: World, content: Content, run: Run, sight: Sight): void {
  run.ended = true;
  if (!run.replies) return;
  const { node } = run;
  run.answer = answerOf(world, content, node, sight);
  if (!isLie(run.answer)) return;
  node.lies += 1;
  node.firstLieMs ??= content.atMs;
}

function answerOf(world: World, content: Content, node: Node, { panel, quorum, isPublic }: Sight): string {
  const lie = `lie of ring ${node.ring}`;
  if (node.kind === "liar" || (node.kind === "sleeper" && node.accepted >= TRUSTED_AT)) return lie;
  if (node.kind === "opportunist") {
    const mates = panel.filter(({ node: other }) => other.ring === node.ring).length;
    const said = content.said.get(node.ring) ?? (mates >= quorum ? "lie" : "truth");
    content.said.set(node.ring, said);
    return said === "lie" ? lie : ownAnswer(world);
  }
  if (node.kind !== "copier") return ownAnswer(world);
  const seen = isPublic ? panel.find(({ answer }) => answer !== null)?.answer : null;
  const answer = seen ?? content.known.get(node.ring) ?? ownAnswer(world);
  content.known.set(node.ring, answer);
  return answer;
}

/** Honest errors are each of their own kind. */
function ownAnswer({ random }: World): string {
  return random() < HONEST_ERROR ? `error ${random()}` : TRUTH;
}
