// Berth's policy, played: panels, verdicts, evidence, checks, quarantine and recall, all by the functions of
// domain/verification; this file only does what the engine does around them.
import type { BatchPurpose } from "../../domain/job/batch.ts";
import { checkAfter, isCaught, type Suspicion } from "../../domain/verification/checks.ts";
import { RULES } from "../../domain/verification/constants.ts";
import { countsAsEvidence, type Decision, decide, lateVote, type Outcome } from "../../domain/verification/decide.ts";
import { decayed, type Evidence, isProven, withVote } from "../../domain/verification/evidence.ts";
import { type Candidate, drawPanel } from "../../domain/verification/panel.ts";
import type { Accepted } from "./peers.ts";
import {
  type Content,
  contentAt,
  DAY_MS,
  endRun,
  idleNodes,
  type Node,
  type Run,
  startRun,
  type World,
} from "./world.ts";

/** A canary or an audit runs so long after the verdict that it follows. */
const CHECK_DELAY_MS = 600_000;
/** What is cancelled goes on for so long until its machine hears of it: its result comes late. */
const CANCEL_MS = 1_000;
/** Somebody of another owner is free in one of so many draws, or the queue is over. */
const MOST_DRAWS = 20;
/** Of whoever verifies again: three, those with the most evidence. */
const RECHECK = { quorum: 3, tied: true } as const;

interface Job {
  readonly content: Content;
  /** as first told to the customer */
  first: Accepted;
  accepted: Accepted;
  /** whose word the accepted result is */
  restsOn: readonly Node[];
  /** everybody that ever ran it: none of them checks it */
  readonly seenBy: Set<string>;
  /** all that its panel and its checks delivered */
  readonly said: Said[];
  rechecked: boolean;
}

interface Said {
  readonly node: Node;
  readonly answer: string;
  readonly purpose: "customer" | "canary" | "audit";
}

interface Play {
  readonly world: World;
  readonly quorum: number;
  readonly resting: Map<Node, Job[]>;
  readonly due: { readonly atMs: number; readonly job: Job; readonly check: "canary" | "audit" }[];
}

interface Ended {
  readonly panel: readonly Run[];
  readonly decision: Decision;
}

export interface Played {
  readonly first: readonly Accepted[];
  readonly final: readonly Accepted[];
}

export function playBerth(world: World, quorum: number): Played {
  const { jobs, days } = world.size;
  const play: Play = { world, quorum, resting: new Map(), due: [] };
  const all: Job[] = [];
  for (let n = 0; n < jobs; n++) {
    const atMs = (n / jobs) * days * DAY_MS;
    check(play, atMs);
    all.push(customerJob(play, atMs));
  }
  check(play, Infinity);
  return { first: all.map(({ first }) => first), final: all.map(({ accepted }) => accepted) };
}

const agrees = (a: string, b: string) => a === b;
const evidenceAt = (node: Node, atMs: number): Evidence => decayed(node.stored, new Date(atMs));

function customerJob(play: Play, atMs: number): Job {
  const content = contentAt(atMs);
  const { panel, decision } = runPanel(
    play,
    content,
    { purpose: "customer", quorum: play.quorum, tied: false, excluded: new Set() },
    atMs,
  );
  const seenBy = new Set(panel.map(({ node }) => node.group));
  const said = panel.flatMap(({ node, answer }): Said[] =>
    answer === null ? [] : [{ node, answer, purpose: "customer" }],
  );
  const job: Job = { content, first: null, accepted: null, restsOn: [], seenBy, said, rechecked: false };
  if (decision.kind !== "accepted") return job;
  job.first = decision.digest;
  restOn(play, job, panel, decision.digest);
  const next = checkAfter(
    {
      ...{ purpose: "customer", kind: "accepted", network: false, hasEnvironment: false, reusable: true },
      evidence: job.restsOn.map((node) => evidenceAt(node, atMs)),
    },
    play.world.random,
  );
  if (next) play.due.push({ atMs: atMs + CHECK_DELAY_MS, job, check: next });
  return job;
}

function restOn({ resting }: Play, job: Job, panel: readonly Run[], digest: string): void {
  job.accepted = digest;
  job.restsOn = panel.filter(({ answer }) => answer === digest).map(({ node }) => node);
  for (const node of job.restsOn) {
    const jobs = resting.get(node);
    if (jobs) jobs.push(job);
    else resting.set(node, [job]);
  }
}

interface PanelOf {
  readonly purpose: BatchPurpose;
  readonly quorum: number;
  readonly excluded: ReadonlySet<string>;
  /** whether the first copies go to those with the most evidence */
  readonly tied: boolean;
}

/** One job's life by its own clock: copies, a hedge, answers in the order in which they come, the verdict, its votes. */
function runPanel(
  play: Play,
  content: Content,
  { purpose, quorum, excluded, tied: firstTied }: PanelOf,
  atMs: number,
): Ended {
  const { world } = play;
  const panel: Run[] = [];
  const before = world.executions;
  let nowMs = 0;
  let pool: { groups: number; unfiltered: number } | null = null;
  let hedged = false;
  let wanted = 0;
  let tied = false;
  const toMember = (run: Run) => {
    const { id, node } = run;
    return { id, group: node.group, evidence: evidenceAt(node, atMs), outcome: outcomeOf(run) };
  };
  for (;;) {
    const decision = decide({
      ...{ members: panel.map(toMember), quorum, redundancy: 3, dispatch: "lazy" },
      agrees,
    });
    if (decision.kind !== "wait") return end(decision);
    wanted = Math.max(wanted, decision.copies);
    tied = panel.length === 0 ? firstTied : decision.tied;
    const isLive = panel.some(({ ended }) => !ended);
    for (let draws = 0; wanted > 0 && draws < (isLive ? 1 : MOST_DRAWS); draws++) {
      const idle = idleNodes(world).filter(({ quarantined }) => !quarantined);
      const taken = new Set([...excluded, ...panel.map(({ node }) => node.group)]);
      const groups = new Set(idle.map(({ group }) => group)).size;
      pool ??= { groups, unfiltered: groups };
      const unproven = panel.filter(({ node }) => !isProven(evidenceAt(node, atMs))).length;
      const wish = { copies: wanted, excludedGroups: taken, unproven, panelClass: "image", tied } as const;
      for (const node of drawn(idle, wish, atMs, world.random)) panel.push(startRun(world, node, nowMs));
      wanted = 0;
      if (panel.some(({ ended }) => !ended)) break;
      wanted = decision.copies;
    }
    const live = panel.filter(({ ended }) => !ended).sort((a, b) => a.endMs - b.endMs);
    const [next] = live;
    if (!next) return end({ kind: "unresolved", sentence: "" });
    const hedgeMs = Math.max(...live.map(({ startMs }) => startMs)) + world.hedgeAfterMs;
    if (!hedged && hedgeMs < next.endMs) {
      hedged = true;
      nowMs = Math.max(nowMs, hedgeMs);
      wanted = 1;
      continue;
    }
    nowMs = next.endMs;
    endRun(world, content, next, { panel, quorum, isPublic: false });
  }

  function end(decision: Decision): Ended {
    if (purpose !== "customer") world.checks += world.executions - before;
    if (decision.kind !== "accepted") return { panel, decision };
    for (const run of panel) {
      const isLate = !run.ended && run.replies && run.endMs <= nowMs + CANCEL_MS;
      if (isLate) endRun(world, content, run, { panel, quorum, isPublic: false });
      const { agreed, disagreed } = decision.votes;
      const vote = agreed.includes(run.id) ? "agreed" : disagreed.includes(run.id) ? "disagreed" : null;
      const late = isLate && run.answer !== null ? lateVote(decision, run.answer, agrees) : null;
      const said = vote ?? late;
      if (said && pool) castVote(play, run.node, said, countsAsEvidence(pool), atMs);
    }
    return { panel, decision };
  }
}

function drawn(
  idle: readonly Node[],
  wish: Parameters<typeof drawPanel>[1],
  atMs: number,
  random: () => number,
): Node[] {
  const byId = new Map(idle.map((node) => [node.id, node]));
  const candidates = idle.map(({ id, group, stored, quarantined }): Candidate => {
    const evidence = decayed(stored, new Date(atMs));
    return { providerId: id, group, panelClass: "image", evidence, quarantined, room: 1 };
  });
  return drawPanel(candidates, wish, random).flatMap(({ providerId }) => byId.get(providerId) ?? []);
}

function outcomeOf({ ended, answer }: Run): Outcome {
  if (!ended) return { kind: "live" };
  return answer === null ? { kind: "error", end: "timed-out", exitCode: null } : { kind: "result", digest: answer };
}

function castVote(play: Play, node: Node, vote: "agreed" | "disagreed", counts: boolean, atMs: number): void {
  if (vote === "agreed") node.accepted += 1;
  if (!counts) return;
  node.stored = withVote(node.stored, vote, new Date(atMs));
  suspect(play, node, { kind: "vote", disagreed: vote === "disagreed" }, atMs);
}

function suspect(play: Play, node: Node, suspicion: Suspicion, atMs: number): void {
  if (node.quarantined || !isCaught(evidenceAt(node, atMs), suspicion)) return;
  node.quarantined = true;
  node.caughtMs = atMs;
  const since = atMs - RULES.recallHours * 3_600_000;
  const recalled = (play.resting.get(node) ?? []).filter(
    ({ content, restsOn }) => content.atMs >= since && restsOn.includes(node),
  );
  play.resting.delete(node);
  for (const job of recalled) {
    if (job.rechecked) continue;
    job.accepted = null;
    recheck(play, job, atMs);
  }
}

/**
 * Three other owners, drawn by what is known of them, say what is right: once a job, and for good. Whoever said otherwise, in
 * its panel or in a check of it, was wrong.
 */
function recheck(play: Play, job: Job, atMs: number): void {
  job.rechecked = true;
  const { panel, decision } = runPanel(
    play,
    job.content,
    { purpose: "recheck", ...RECHECK, excluded: job.seenBy },
    atMs,
  );
  for (const { node } of panel) job.seenBy.add(node.group);
  if (decision.kind !== "accepted") return;
  job.accepted = decision.digest;
  const wrong = job.said.filter(({ answer }) => answer !== decision.digest);
  for (const { node, answer, purpose } of wrong) {
    const alone = wrong.filter((other) => other.answer === answer).length === 1;
    node.stored = withVote(node.stored, "disagreed", new Date(atMs));
    const known = { kind: "canary", wrong: true, alone } as const;
    suspect(play, node, purpose === "canary" ? known : { kind: "audit", contradicted: true, alone }, atMs);
  }
}

/** Canaries and audits that are due. */
function check(play: Play, nowMs: number): void {
  for (let next = play.due[0]; next && next.atMs <= nowMs; next = play.due[0]) {
    play.due.shift();
    const { job, atMs, check: purpose } = next;
    const { accepted } = job;
    if (accepted === null) continue;
    // A canary is a whole panel, an audit one more owner; both run what the job ran, and are compared with its verdict.
    const panel = runCheck(play, job, purpose === "canary" ? play.quorum : 1, atMs);
    const said = panel.flatMap(({ node, answer }) => (answer === null ? [] : [{ node, answer, purpose }]));
    job.said.push(...said);
    const right = said.filter(({ answer }) => answer === accepted);
    for (const { node } of right) castVote(play, node, "agreed", true, atMs);
    if (said.length > 0 && right.length === 0 && !job.rechecked) recheck(play, job, atMs);
    else if (right.length > 0)
      for (const { node, answer } of said) {
        if (answer === accepted) continue;
        const alone = said.filter((other) => other.answer === answer).length === 1;
        node.stored = withVote(node.stored, "disagreed", new Date(atMs));
        suspect(play, node, { kind: "canary", wrong: true, alone }, atMs);
      }
  }
}

/** Given out at once, and all answers waited for: as many as would decide a customer's job. */
function runCheck(play: Play, job: Job, copies: number, atMs: number): readonly Run[] {
  const { world, quorum } = play;
  const idle = idleNodes(world).filter(({ quarantined }) => !quarantined);
  const wish = { copies, excludedGroups: job.seenBy, unproven: 0, panelClass: "image", tied: false } as const;
  const panel = drawn(idle, wish, atMs, world.random).map((node) => startRun(world, node, 0));
  world.checks += panel.length;
  for (const run of [...panel].sort((a, b) => a.endMs - b.endMs))
    endRun(world, job.content, run, { panel, quorum, isPublic: false });
  for (const { node } of panel) job.seenBy.add(node.group);
  return panel;
}
