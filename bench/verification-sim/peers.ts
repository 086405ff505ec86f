// The policies that Berth is held against: the seed's best-first two of three, and BOINC's adaptive replication.
import { type Content, contentAt, endRun, idleNodes, type Node, type Run, startRun, type World } from "./world.ts";

/** What was accepted of a job; null: nothing, ever. */
export type Accepted = string | null;

const SEED_AGREED = 5;
const SEED_DISAGREED = -10;

/**
 * Three copies at once, to the best by reputation and then the least busy of the idle; two alike are accepted; a third that
 * comes later is neither paid nor punished; nobody knows owners; other machines' hashes are public before one's own is in.
 */
export function seedJob(world: World, content: Content): Accepted {
  for (;;) {
    const best = idleNodes(world).sort((a, b) => b.reputation - a.reputation || a.ran - b.ran);
    const panel = best.slice(0, 3).map((node) => startRun(world, node, 0));
    const votes = new Map<string, Run[]>();
    for (const run of [...panel].sort((a, b) => a.endMs - b.endMs)) {
      endRun(world, content, run, { panel, quorum: 2, isPublic: true });
      if (run.answer === null) continue;
      const alike = [...(votes.get(run.answer) ?? []), run];
      votes.set(run.answer, alike);
      if (alike.length < 2) continue;
      for (const [answer, runs] of votes) for (const { node } of runs) scoreSeed(node, answer === run.answer);
      return run.answer;
    }
    // With no result at all it goes back to the queue; with one it waits for ever.
    if (votes.size > 0) return null;
  }
}

function scoreSeed(node: Node, agreed: boolean): void {
  node.reputation = Math.max(0, node.reputation + (agreed ? SEED_AGREED : SEED_DISAGREED));
  node.ran += 1;
  if (agreed) node.accepted += 1;
}

const BOINC = { quorum: 2, trustedAt: 10, mostResults: 8, mostSuccesses: 4 } as const;

/**
 * A machine with 10 consecutive valid results or more is trusted with the chance 1 − 1/CV: its result alone is accepted. Else
 * two have to agree. CV grows by replicated results only, and falls to 0 by an invalid one or a timeout. One result per owner.
 */
export function boincJob(world: World, content: Content): Accepted {
  const panel: Run[] = [];
  let nowMs = 0;
  let replicated = false;
  while (panel.length < BOINC.mostResults) {
    const owners = new Set(panel.map(({ node }) => node.group));
    const node = idleNodes(world).find(({ group }) => !owners.has(group));
    if (!node) return null;
    const isTrusted = node.valid >= BOINC.trustedAt && world.random() < 1 - 1 / node.valid;
    replicated ||= !isTrusted;
    panel.push(startRun(world, node, nowMs));
    const wanted = Math.max(replicated ? BOINC.quorum : 1, wantedBy(panel));
    if (panel.filter(({ ended, answer }) => !ended || answer !== null).length < wanted) continue;
    for (const run of panel.filter(({ ended }) => !ended).sort((a, b) => a.endMs - b.endMs)) {
      endRun(world, content, run, { panel, quorum: BOINC.quorum, isPublic: false });
      nowMs = Math.max(nowMs, run.endMs);
      if (!run.replies) run.node.valid = 0;
    }
    const verdict = boincVerdict(panel, replicated);
    if (verdict !== null) return verdict;
    if (panel.filter(({ answer }) => answer !== null).length >= BOINC.mostSuccesses) return null;
  }
  return null;
}

/** One more than are in, where those do not agree. */
function wantedBy(panel: readonly Run[]): number {
  const answers = panel.filter(({ ended, answer }) => ended && answer !== null).length;
  return answers >= BOINC.quorum ? answers + 1 : 0;
}

function boincVerdict(panel: readonly Run[], replicated: boolean): Accepted {
  const answered = panel.filter(({ answer }) => answer !== null);
  const [first] = answered;
  if (!replicated) {
    if (first) first.node.accepted += 1;
    return first?.answer ?? null;
  }
  const canonical = answered.find(({ answer }) => answered.filter((run) => run.answer === answer).length >= 2)?.answer;
  if (!canonical) return null;
  for (const { node, answer } of answered) {
    node.valid = answer === canonical ? node.valid + 1 : 0;
    if (answer === canonical) node.accepted += 1;
  }
  return canonical;
}

/** Plays all jobs of a world by a policy without checks of its own. */
export function playPeer(world: World, policy: (world: World, content: Content) => Accepted): Accepted[] {
  const { jobs, days } = world.size;
  return Array.from({ length: jobs }, (_, n) => policy(world, contentAt((n / jobs) * days * 86_400_000)));
}
