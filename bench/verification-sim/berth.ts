// Berth's policy, played: panels, verdicts, evidence, checks, quarantine and recall, all by the functions of
// domain/verification; this file only does what the engine does around them.
import { checkAfter, isCaught, type Suspicion } from "../../domain/verification/checks.ts";
import { RULES } from "../../domain/verification/constants.ts";
import { withVote } from "../../domain/verification/evidence.ts";
import { corrections, hearCanary, type SaidOf, verifyAgain } from "../../domain/verification/hearing.ts";
import { agrees, drawn, evidenceAt, type Hear, runPanel } from "./panels.ts";
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
/** Of whoever verifies again what was contradicted: three, those with the most evidence. */
const RECHECK = { quorum: 3, tied: true } as const;

interface Job {
  readonly content: Content;
  /** as first told to the customer */
  first: Accepted;
  accepted: Accepted;
  /** whose word the accepted result is, in its panel or in a check of it */
  restsOn: readonly Node[];
  /** everybody that ever ran it: none of them checks it */
  readonly seenBy: Set<string>;
  /** all that its panel and its checks delivered */
  readonly said: Said[];
  rechecked: boolean;
}

interface Said extends SaidOf {
  readonly node: Node;
  vote: SaidOf["vote"];
}

interface Play {
  readonly world: World;
  readonly quorum: number;
  readonly resting: Map<Node, Job[]>;
  readonly due: { readonly atMs: number; readonly job: Job; readonly check: "canary" | "audit" }[];
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

function customerJob(play: Play, atMs: number): Job {
  const content = contentAt(atMs);
  const { panel, decision } = runPanel(
    play.world,
    content,
    { purpose: "customer", quorum: play.quorum, seenQuorum: play.quorum, tied: false, excluded: new Set() },
    atMs,
    hearing(play, atMs),
  );
  const seenBy = new Set(panel.map(({ node }) => node.group));
  const digest = decision.kind === "accepted" ? decision.digest : null;
  const said = saidBy(panel, "customer", (answer) => (answer === digest ? "agreed" : "disagreed"));
  const job: Job = { content, first: null, accepted: null, restsOn: [], seenBy, said, rechecked: false };
  if (digest === null) return job;
  job.first = digest;
  job.accepted = digest;
  restOn(play, job, nodesThatSaid(panel, digest));
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

function saidBy(panel: readonly Run[], purpose: Said["purpose"], voteOf: (answer: string) => Said["vote"]): Said[] {
  return panel.flatMap(({ node, answer }) =>
    answer === null ? [] : [{ node, group: node.group, digest: answer, purpose, vote: voteOf(answer) }],
  );
}

const nodesThatSaid = (panel: readonly Run[], digest: string) =>
  panel.flatMap(({ node, answer }) => (answer === digest ? [node] : []));

function restOn({ resting }: Play, job: Job, more: readonly Node[]): void {
  job.restsOn = [...job.restsOn, ...more];
  for (const node of more) {
    const jobs = resting.get(node);
    if (jobs) jobs.push(job);
    else resting.set(node, [job]);
  }
}

const hearing = (play: Play, atMs: number): Hear => {
  return (node, vote, counts) => castVote(play, node, vote, counts, atMs);
};

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
  for (const job of recalled) if (!job.rechecked) recall(play, job, atMs);
}

/** Taken back until as many owners as it needs stand behind it again, of whom none is caught. */
function recall(play: Play, job: Job, atMs: number): void {
  const { accepted } = job;
  const standing = job.restsOn.filter(({ quarantined }) => !quarantined);
  const again = verifyAgain(play.quorum, standing.length);
  if (accepted === null || again === null) return;
  job.accepted = null;
  if (again.kind === "recheck") {
    recheck(play, job, atMs);
    return;
  }
  const asked = { quorum: again.copies, seenQuorum: play.quorum, tied: false, excluded: job.seenBy };
  const { panel, decision } = runPanel(
    play.world,
    job.content,
    { purpose: "audit", ...asked },
    atMs,
    hearing(play, atMs),
  );
  for (const { node } of panel) job.seenBy.add(node.group);
  if (decision.kind !== "accepted" && decision.kind !== "unverified") return;
  const { digest } = decision;
  job.said.push(...saidBy(panel, "audit", (answer) => (answer === digest ? "agreed" : "disagreed")));
  if (digest === accepted) {
    job.accepted = accepted;
    restOn(play, job, nodesThatSaid(panel, accepted));
  } else recheck(play, job, atMs);
}

/**
 * Three other owners, drawn by what is known of them, say what is right: once a job, and for good. Whoever said otherwise, in
 * its panel or in a check of it, was wrong.
 */
function recheck(play: Play, job: Job, atMs: number): void {
  job.rechecked = true;
  const { panel, decision } = runPanel(
    play.world,
    job.content,
    { purpose: "recheck", ...RECHECK, seenQuorum: RECHECK.quorum, excluded: job.seenBy },
    atMs,
    hearing(play, atMs),
  );
  for (const { node } of panel) job.seenBy.add(node.group);
  if (decision.kind !== "accepted") return;
  job.accepted = decision.digest;
  for (const { said, vote, suspicion } of corrections(job.said, decision.digest, agrees)) {
    said.vote = vote;
    said.node.stored = withVote(said.node.stored, vote, new Date(atMs));
    if (suspicion) suspect(play, said.node, suspicion, atMs);
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
    const panel = runCheck(play, job, purpose, atMs);
    const said = saidBy(panel, purpose, (answer) => (answer === accepted ? "agreed" : null));
    job.said.push(...said);
    if (said.length === 0) continue;
    const heard = hearCanary(said, accepted, agrees);
    if (heard.kind === "doubtful") {
      if (!job.rechecked) recheck(play, job, atMs);
      continue;
    }
    restOn(
      play,
      job,
      heard.right.map(({ node }) => node),
    );
    // An audit's one word is nobody's evidence, as what is accepted unverified never is.
    if (purpose === "audit") continue;
    for (const { node } of heard.right) castVote(play, node, "agreed", true, atMs);
    for (const one of heard.wrong) {
      one.vote = "disagreed";
      one.node.stored = withVote(one.node.stored, "disagreed", new Date(atMs));
      suspect(play, one.node, { kind: "canary", wrong: true, alone: true }, atMs);
    }
  }
}

/** Given out at once, and all answers waited for: as many as would decide a customer's job. */
function runCheck(play: Play, job: Job, purpose: "canary" | "audit", atMs: number): readonly Run[] {
  const { world, quorum } = play;
  const idle = idleNodes(world).filter(({ quarantined }) => !quarantined);
  const asked = purpose === "canary" ? { copies: quorum, unproven: 0 } : { copies: 1, unproven: 1 };
  const wish = { ...asked, excludedGroups: job.seenBy, panelClass: "image", tied: false } as const;
  const panel = drawn(idle, wish, atMs, world.random).map((node) => startRun(world, node, 0));
  world.checks += panel.length;
  for (const run of [...panel].sort((a, b) => a.endMs - b.endMs))
    endRun(world, job.content, run, { panel, quorum, isPublic: false });
  for (const { node } of panel) job.seenBy.add(node.group);
  return panel;
}
