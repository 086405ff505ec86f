// A panel played by Berth's rules: who is drawn, hedged and heard, until the verdict.
import type { BatchPurpose } from "../../domain/job/batch.ts";
import { countsAsEvidence, type Decision, decide, lateVote, type Outcome } from "../../domain/verification/decide.ts";
import { decayed, type Evidence, isProven } from "../../domain/verification/evidence.ts";
import { type Candidate, drawPanel } from "../../domain/verification/panel.ts";
import { type Content, endRun, idleNodes, type Node, type Run, startRun, type World } from "./world.ts";

/** What is cancelled goes on for so long until its machine hears of it: its result comes late. */
const CANCEL_MS = 1_000;
/** Somebody of another owner is free in one of so many draws, or the queue is over. */
const MOST_DRAWS = 20;

export const agrees = (a: string, b: string) => a === b;
export const evidenceAt = (node: Node, atMs: number): Evidence => decayed(node.stored, new Date(atMs));

export interface Ended {
  readonly panel: readonly Run[];
  readonly decision: Decision;
}

export interface PanelOf {
  readonly purpose: BatchPurpose;
  readonly quorum: number;
  /** what attackers take for it: a check looks like what it is about */
  readonly seenQuorum: number;
  readonly excluded: ReadonlySet<string>;
  /** whether the first copies go to those with the most evidence */
  readonly tied: boolean;
}

/** What a vote of a panel teaches, as soon as it is cast. @param counts whether it is evidence */
export type Hear = (node: Node, vote: "agreed" | "disagreed", counts: boolean) => void;

/** One job's life by its own clock: copies, a hedge, answers in the order in which they come, the verdict, its votes. */
export function runPanel(
  world: World,
  content: Content,
  { purpose, quorum, seenQuorum, excluded, tied: firstTied }: PanelOf,
  atMs: number,
  hear: Hear,
): Ended {
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
      const newcomers = panel.filter(({ node }) => !isProven(evidenceAt(node, atMs))).length;
      // An audit is one's word against several's: newcomers have none.
      const unproven = purpose === "audit" ? 1 : newcomers;
      const wish = { copies: wanted, excludedGroups: taken, unproven, panelClass: "image", tied } as const;
      for (const node of drawn(idle, wish, atMs, world.random)) panel.push(startRun(world, node, nowMs));
      wanted = 0;
      if (panel.some(({ ended }) => !ended)) break;
      wanted = decision.copies;
    }
    const live = panel.filter(({ ended }) => !ended).sort((a, b) => a.endMs - b.endMs);
    const [next] = live;
    if (!next) return end({ kind: "unresolved", differs: false, sentence: "" });
    const hedgeMs = Math.max(...live.map(({ startMs }) => startMs)) + world.hedgeAfterMs;
    if (!hedged && hedgeMs < next.endMs) {
      hedged = true;
      nowMs = Math.max(nowMs, hedgeMs);
      wanted = 1;
      continue;
    }
    nowMs = next.endMs;
    endRun(world, content, next, { panel, quorum: seenQuorum, isPublic: false });
  }

  function end(decision: Decision): Ended {
    if (purpose !== "customer") world.checks += world.executions - before;
    if (decision.kind !== "accepted") return { panel, decision };
    for (const run of panel) {
      const isLate = !run.ended && run.replies && run.endMs <= nowMs + CANCEL_MS;
      if (isLate) endRun(world, content, run, { panel, quorum: seenQuorum, isPublic: false });
      const { agreed, disagreed } = decision.votes;
      const vote = agreed.includes(run.id) ? "agreed" : disagreed.includes(run.id) ? "disagreed" : null;
      const late = isLate && run.answer !== null ? lateVote(decision, run.answer, agrees) : null;
      const said = vote ?? late;
      if (said && pool) hear(run.node, said, countsAsEvidence(pool));
    }
    return { panel, decision };
  }
}

export function drawn(
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
