// The verdict: from what a panel delivered so far to one decision. It does not depend on the order of arrival.
import { BATCH_END_SENTENCES } from "../execution/batch-ends.ts";
import type { BatchEnd } from "../execution/batch-state.ts";
import type { ExecutionId } from "../ids.ts";
import type { Dispatch } from "../job/batch.ts";
import { RULES } from "./constants.ts";
import { type Evidence, isProven, weightOf } from "./evidence.ts";
import { FAILED_ALIKE, isJobFailure, type JobFailure } from "./failure.ts";
import { type Answer, type Class, classesOf, shareOf } from "./tally.ts";

/** What one execution came to. */
export type Outcome =
  | { readonly kind: "live" }
  | { readonly kind: "result"; readonly digest: string }
  | { readonly kind: "error"; readonly end: BatchEnd; readonly exitCode: number | null }
  /** cancelled by us before it delivered, or refused unbegun: as if it had never been */
  | { readonly kind: "void" };

export interface PanelMember {
  readonly id: ExecutionId;
  readonly group: string;
  readonly evidence: Evidence;
  readonly outcome: Outcome;
}

export interface Panel {
  readonly members: readonly PanelMember[];
  /** distinct owners that have to agree; 1: accepted unverified */
  readonly quorum: number;
  readonly redundancy: number;
  readonly dispatch: Dispatch;
  /** whether two results agree; equality of digests but for numeric comparators. Symmetric */
  readonly agrees: (a: string, b: string) => boolean;
}

export interface Votes {
  readonly agreed: readonly ExecutionId[];
  readonly disagreed: readonly ExecutionId[];
}

export type Decision =
  /**
   * @property copies more than those that live now; 0: wait for these
   * @property differs as many owners gave results as make a job nondeterministic, no two alike, but not all are proven
   */
  | {
      readonly kind: "wait";
      readonly copies: number;
      readonly tied: boolean;
      readonly differs: boolean;
      readonly sentence: string;
    }
  | {
      readonly kind: "accepted" | "unverified";
      /** of the representative; what agrees with it is what was accepted */
      readonly digest: string;
      /** whose output is shown: among those with this digest the one with the least id */
      readonly representative: ExecutionId;
      readonly credibility: number;
      readonly groups: number;
      /** results that were in; what an unverified one agrees with is paid, and is evidence of nothing */
      readonly votes: Votes;
      readonly sentence: string;
    }
  /** @property exitCode null but for "exit-code" */
  | {
      readonly kind: "job-error";
      readonly end: JobFailure;
      readonly exitCode: number | null;
      readonly sentence: string;
    }
  /** @property end in which all of them failed; null where they differ */
  | { readonly kind: "failed"; readonly end: BatchEnd | null; readonly sentence: string }
  | { readonly kind: "unresolved"; readonly differs: boolean; readonly sentence: string }
  | { readonly kind: "nondeterministic"; readonly sentence: string };

/**
 * Decides, or says how many more copies it takes. Final: more members never change a decision that was made. A function of
 * the set of members: neither their order nor a member told twice changes anything, and an owner group has one vote, whatever
 * it delivers.
 *
 * A way to fail that may be the job's (a non-zero exit code, too much output, no such image) is an answer like a result, and
 * competes with results by the same rule: k distinct owners, at least two, and 0.98 of the weight. So an honest job that fails
 * alike everywhere is soon told so, and two newcomers who claim that it fails cannot fail what proven owners completed.
 */
export function decide(panel: Panel): Decision {
  const quorum = Math.max(1, panel.quorum);
  const tally = tallyOf(panel);
  const { classes, members, voters } = tally;
  const [lead] = classes;
  if (lead && isAccepted(lead, classes, quorum)) {
    const share = shareOf(lead, classes);
    if (lead.answer.kind === "failure") {
      const { end, exitCode } = lead.answer;
      const how = exitCode === null ? FAILED_ALIKE[end] : `${FAILED_ALIKE[end]} ${exitCode}`;
      const sentence = `${lead.groups} of ${voters} distinct owners ${how}; credibility ${percent(share)}.`;
      return { kind: "job-error", end, exitCode, sentence };
    }
    if (quorum > 1) {
      const sentence = `${lead.groups} of ${voters} distinct owners agree; credibility ${percent(share)}.`;
      return accept("accepted", lead, lead.answer.digest, share, members, panel.agrees, sentence);
    }
  }
  const result = quorum === 1 ? classes.find(({ answer }) => answer.kind === "result") : undefined;
  if (result?.answer.kind === "result") {
    const share = shareOf(result, classes);
    const word = result.groups === 1 ? "the word of 1 owner" : `the word of ${result.groups} owners`;
    const sentence = `Accepted unverified, as asked, on ${word}; credibility ${percent(share)}.`;
    return accept("unverified", result, result.answer.digest, share, members, panel.agrees, sentence);
  }
  if (tally.provenResults >= RULES.nondeterministicAt && classes.every(({ groups }) => groups === 1)) {
    const sentence = `${tally.provenResults} proven providers all gave different results, so the job itself is not deterministic.`;
    return { kind: "nondeterministic", sentence };
  }
  return goOn(panel, quorum, tally);
}

/** No decision yet: how many more copies, or that it ends without one. */
function goOn({ dispatch, redundancy }: Panel, quorum: number, tally: Tally): Decision {
  const { classes, members, live, errors } = tally;
  const agreeing = Math.max(0, ...classes.map(({ groups }) => groups));
  const mayStillDecide = canDecide(tally, quorum);
  const apart = classes.length > 1 && classes.every(({ answer, groups }) => answer.kind === "result" && groups === 1);
  const differs = apart && classes.length >= RULES.nondeterministicAt;
  const so = apart
    ? `${classes.length} owners gave ${classes.length} different results`
    : `${agreeing} of ${quorum} distinct owners ${agreeing === 1 ? "agrees" : "agree"} so far`;
  if (!mayStillDecide && errors >= RULES.mostErrors) {
    const end = oneEndOf(members);
    const why = end ? BATCH_END_SENTENCES[end] : "Too many errors to go on.";
    return { kind: "failed", end, sentence: `${errors} owners' machines could not run it. ${why}` };
  }
  if (!mayStillDecide && members.length >= RULES.mostExecutions) {
    const sentence = `${members.length} executions, and no result that ${quorum} distinct owners agree on beyond doubt.`;
    return { kind: "unresolved", differs, sentence };
  }
  const missing = mayStillDecide ? 0 : Math.max(1, quorum - agreeing - live.length);
  const atOnce = dispatch === "eager" ? Math.max(redundancy, quorum) - members.length : 0;
  const bound = errors >= RULES.mostErrors ? 0 : RULES.mostExecutions - members.length;
  const copies = Math.max(0, Math.min(bound, Math.max(missing, atOnce)));
  const [first, second] = classes;
  const tied = !!first && !!second && first.weight - second.weight <= RULES.sameShare * first.weight;
  return { kind: "wait", copies, tied, differs, sentence: `${so}; ${live.length} running, ${copies} more wanted.` };
}

/** The one way in which all of them failed; null where there is none. */
function oneEndOf(members: readonly PanelMember[]): BatchEnd | null {
  const ends = new Set(members.flatMap(({ outcome }) => (outcome.kind === "error" ? [outcome.end] : [])));
  const [end] = ends;
  return ends.size === 1 && end ? end : null;
}

interface Tally {
  /** those that count: each id once, none of them void; by id */
  readonly members: readonly PanelMember[];
  /** greatest weight first */
  readonly classes: readonly Class[];
  /** one for each group that has not voted yet */
  readonly live: readonly PanelMember[];
  readonly voters: number;
  /** distinct owners with a result whose providers are proven */
  readonly provenResults: number;
  /** distinct owners whose execution ended without an answer, or failed in a way that nobody else's did */
  readonly errors: number;
}

function tallyOf({ members: all, agrees }: Panel): Tally {
  const members = membersOf(all);
  const voted = new Map<string, { readonly member: PanelMember; readonly answer: Answer }>();
  for (const member of members) {
    const answer = answerOf(member.outcome);
    if (answer && !voted.has(member.group)) voted.set(member.group, { member, answer });
  }
  const votes = [...voted].map(([group, { member, answer }]) => {
    return { group, weight: weightOf(member.evidence), answer };
  });
  const classes = classesOf(votes, agrees);
  const silent = members.filter(({ group }) => !voted.has(group));
  const one = (kind: Outcome["kind"]) =>
    new Map(silent.filter(({ outcome }) => outcome.kind === kind).map((member) => [member.group, member]));
  const lone = classes.filter(({ answer, groups }) => answer.kind === "failure" && groups === 1).length;
  const proven = [...voted.values()].filter(
    ({ member, answer }) => answer.kind === "result" && isProven(member.evidence),
  );
  return {
    ...{ members, classes, live: [...one("live").values()], voters: votes.length },
    ...{ provenResults: proven.length, errors: one("error").size + lone },
  };
}

/** Each id once, sorted; of two tales of one execution that which is further on. What never began does not count. */
export function membersOf(all: readonly PanelMember[]): readonly PanelMember[] {
  const rank = ({ outcome }: PanelMember) => `${["result", "error", "void", "live"].indexOf(outcome.kind)}`;
  const tale = (member: PanelMember) =>
    `${rank(member)} ${JSON.stringify([member.outcome, member.group, member.evidence])}`;
  const known = new Map<ExecutionId, PanelMember>();
  for (const member of all) {
    const other = known.get(member.id);
    if (!other || tale(member) < tale(other)) known.set(member.id, member);
  }
  return [...known.values()].filter(({ outcome }) => counts(outcome)).sort((a, b) => (a.id < b.id ? -1 : 1));
}

function counts(outcome: Outcome): boolean {
  if (outcome.kind === "error") return outcome.end !== "cannot-run" && outcome.end !== "cancelled";
  return outcome.kind !== "void";
}

function answerOf(outcome: Outcome): Answer | null {
  if (outcome.kind === "result") return { kind: "result", digest: outcome.digest };
  if (outcome.kind !== "error" || !isJobFailure(outcome.end)) return null;
  const { end, exitCode } = outcome;
  if (end !== "exit-code") return { kind: "failure", end, exitCode: null };
  return exitCode ? { kind: "failure", end, exitCode } : null;
}

function isAccepted(chosen: Class, classes: readonly Class[], quorum: number): boolean {
  const owners = chosen.answer.kind === "failure" ? Math.max(RULES.jobErrorAt, quorum) : quorum;
  return chosen.groups >= owners && shareOf(chosen, classes) >= RULES.accept;
}

/** Whether those that live could bring the decision, if all of them agreed with one another. */
function canDecide({ classes, live }: Tally, quorum: number): boolean {
  if (live.length === 0) return false;
  if (quorum === 1) return true;
  const weight = live.reduce((product, { evidence }) => product * Math.max(1, weightOf(evidence)), 1);
  const joined = classes.map((chosen) => ({
    others: classes.filter((other) => other !== chosen),
    chosen: { ...chosen, groups: chosen.groups + live.length, weight: chosen.weight * weight },
  }));
  const apart = { others: classes, chosen: { answer: RESULT, groups: live.length, weight } };
  return [...joined, apart].some(({ chosen, others }) => isAccepted(chosen, [chosen, ...others], quorum));
}

const RESULT: Answer = { kind: "result", digest: "" };

function accept(
  kind: "accepted" | "unverified",
  { groups }: Class,
  digest: string,
  credibility: number,
  members: readonly PanelMember[],
  agrees: Panel["agrees"],
  sentence: string,
): Decision {
  const agreed: ExecutionId[] = [];
  const disagreed: ExecutionId[] = [];
  let representative: ExecutionId | undefined;
  for (const { id, outcome } of members) {
    if (outcome.kind !== "result") continue;
    if (outcome.digest === digest) representative ??= id;
    const alike = outcome.digest === digest || agrees(digest, outcome.digest);
    if (alike) agreed.push(id);
    else if (kind === "accepted") disagreed.push(id);
  }
  if (!representative) throw new Error("an accepted digest is one that was delivered");
  return { kind, digest, representative, credibility, groups, votes: { agreed, disagreed }, sentence };
}

/** Never "100 %": that is what nobody knows. */
function percent(share: number): string {
  return share > 0.9994 ? "over 99.9 %" : `${(share * 100).toFixed(1)} %`;
}

/**
 * What a result that came after the verdict says of who delivered it; null where the verdict says nothing of results, and where
 * it is one machine's word against another's: an unverified result proves nobody wrong.
 */
export function lateVote(decision: Decision, digest: string, agrees: Panel["agrees"]): "agreed" | "disagreed" | null {
  if (decision.kind !== "accepted" && decision.kind !== "unverified") return null;
  if (decision.digest === digest || agrees(decision.digest, digest)) return "agreed";
  return decision.kind === "accepted" ? "disagreed" : null;
}

/** Whether votes of this panel count as evidence, and change the score: drawn wide enough, of enough owners. */
export function countsAsEvidence({
  groups,
  unfiltered,
}: {
  readonly groups: number;
  readonly unfiltered: number;
}): boolean {
  return groups >= RULES.evidenceGroups && groups >= unfiltered * RULES.evidenceShare;
}
