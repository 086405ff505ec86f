// One job and its panel while they are judged: what ended, what that decides, and what follows for everybody in it. Pure.
import {
  advanceBatch,
  type BatchEnd,
  type BatchExecutionEvent,
  isBatchLive,
} from "../../../domain/execution/batch-state.ts";
import type { ExecutionId } from "../../../domain/ids.ts";
import { quorumOf } from "../../../domain/job/batch.ts";
import type { ReasonCode } from "../../../domain/job/reasons.ts";
import type { Suspicion } from "../../../domain/verification/checks.ts";
import {
  countsAsEvidence,
  type Decision,
  decide,
  lateVote,
  type Outcome,
  type Panel,
} from "../../../domain/verification/decide.ts";
import { type Evidence, weightOf } from "../../../domain/verification/evidence.ts";
import { faultIn, faultOf } from "../../../domain/verification/fault.ts";
import { refusedUntil } from "../../../domain/verification/refused.ts";
import type { Member, PanelJob } from "../../repos/batch-verdicts.ts";
import { type KeptFrom, keptEnd, refusedEnd } from "./kept-waiting.ts";
import { type Closing, reasonOf, verdictOf } from "./verdict-of.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface Vote {
  readonly member: Member;
  readonly vote: "agreed" | "disagreed";
  /** whether it is evidence, and changes the score */
  readonly counts: boolean;
  /** where it is more than a vote that was lost */
  readonly suspicion?: Suspicion;
}

/** Whatever is changed here is written afterwards. */
export interface Case {
  readonly job: Mutable<PanelJob>;
  readonly members: readonly Mutable<Member>[];
  readonly touched: Set<ExecutionId>;
  /** ended in this step, with what they were before */
  readonly ended: Map<ExecutionId, "result" | "error" | "cancelled">;
  /** filled where it is decided */
  readonly votes: Vote[];
  /** whose end turns out to be their machine's fault, now that it is decided; filled then */
  readonly blamed: Member[];
  decision: Decision | null;
  /** when it is compared with runs like it next; null: never again; undefined: as it was */
  hedgeAt: Date | null | undefined;
  /** for the timeline */
  told: { readonly code: string; readonly message: string } | null;
}

export function openCase(job: PanelJob, members: readonly Member[]): Case {
  return {
    job: { ...job },
    members: members.map((member) => ({ ...member })).sort((a, b) => a.number - b.number),
    ...{ touched: new Set(), ended: new Map(), votes: [], blamed: [] },
    ...{ decision: null, hedgeAt: undefined, told: null },
  };
}

/** Ends a live execution. @param end why it has no result; null where it has */
export function endMember(
  { touched, ended }: Case,
  member: Mutable<Member>,
  event: Exclude<BatchExecutionEvent, "started">,
  end: BatchEnd | null,
  now: Date,
): void {
  member.status = advanceBatch(member.status, event);
  member.endedAt = now;
  member.endCause = end;
  touched.add(member.id);
  ended.set(member.id, event === "result" ? "result" : event === "cancelled" ? "cancelled" : "error");
}

export interface Bench {
  readonly now: Date;
  readonly evidenceOf: (member: Member) => Evidence;
  /** nothing is decided by what a machine in quarantine delivered */
  readonly isQuarantined: (member: Member) => boolean;
  /** under the job's comparator */
  readonly agrees: Panel["agrees"];
  /** what keeps it from machines that are there, of one whose time in the queue is over */
  readonly keptBy: (one: Case) => KeptFrom | null;
  /** whether all it was given to refused it, and nobody else is there who could take it */
  readonly isRefusedByAll: (one: Case) => boolean;
}

/** Decides an open case, or says what it waits for; a decided one only hears what came late. */
export function judge(one: Case, bench: Bench): void {
  if (one.job.decidedAt) {
    hearLate(one, bench, false);
    return;
  }
  const { job, members } = one;
  const panel: Panel = {
    members: members.map((member) => {
      return {
        id: member.id,
        group: member.ownerGroup,
        evidence: bench.evidenceOf(member),
        outcome: bench.isQuarantined(member) && !isBatchLive(member.status) ? VOID : outcomeOf(member),
      };
    }),
    quorum: quorumOf(job),
    redundancy: job.redundancy,
    dispatch: job.dispatch,
    agrees: bench.agrees,
  };
  const decision = decide(panel);
  if (decision.kind !== "wait") {
    close(one, bench, decision, reasonOf(decision));
    blame(one, panel, decision);
  } else if (bench.isRefusedByAll(one)) {
    const end = refusedEnd(members);
    close(one, bench, end, reasonOf(end));
  } else if (queueIsOver(one, decision.copies, bench.now)) {
    const { differs } = decision;
    const end = keptEnd(bench.keptBy(one), job, members);
    const sentence = `${end.sentence} ${decision.sentence}`;
    close(one, bench, { kind: "unresolved", differs, sentence }, differs ? "no-two-alike" : end.reason);
  } else wait(one, decision, bench.now);
}

/** What was nobody's fault when it ended may be its machine's, beside what others did. */
function blame({ members, blamed }: Case, panel: Panel, decision: Decision): void {
  for (const [index, member] of members.entries()) {
    const { endCause } = member;
    const told = panel.members[index];
    if (!told || endCause === null || faultOf(endCause) !== "nobody") continue;
    const fault = faultIn(panel, decision, told);
    if (fault === "provider" || fault === "infrastructure") blamed.push(member);
  }
}

const VOID: Outcome = { kind: "void" };

/** What an execution came to, as far as it counts. */
export function outcomeOf({ status, digest, endCause, exitCode }: Member): Outcome {
  if (isBatchLive(status)) return { kind: "live" };
  if (status === "succeeded" && digest !== null) return { kind: "result", digest };
  if (status === "stopped" || endCause === "cannot-run" || endCause === "suspended") return VOID;
  return { kind: "error", end: endCause ?? "infrastructure", exitCode };
}

const live = ({ members }: Case) => members.filter(({ status }) => isBatchLive(status));

/** What still runs may decide by itself; then it is waited for, however long the queue was. */
function queueIsOver(one: Case, copies: number, now: Date): boolean {
  return copies > 0 && hasWaitedLong(one, now);
}

/**
 * Whether it waits with nothing but refusals, long enough for another machine to have come. The broker's own checks wait
 * as long as they may: that nobody can be asked says nothing of whom they are about.
 */
export function isRefusedLong({ job, members }: Case, now: Date): boolean {
  const until = refusedUntil(members);
  return job.purpose === "customer" && job.copiesWanted > 0 && until !== null && until <= now;
}

/** Nothing of it runs, and its time in the queue is over. */
export function hasWaitedLong(one: Case, now: Date): boolean {
  const { waitingSince, queueTimeoutSeconds } = one.job;
  if (live(one).length > 0 || waitingSince === null || frees(one)) return false;
  return waitingSince.getTime() + queueTimeoutSeconds * 1000 <= now.getTime();
}

/** A run that held GPUs has ended now: by its account's limit the next one may have waited for just them. */
function frees({ job, ended }: Case): boolean {
  return job.gpuCount > 0 && ended.size > 0;
}

/** A run that is not over by then is compared with runs like it, for the first time. */
export const FIRST_HEDGE_LOOK_MS = 2_000;
const LOOK_ANYWAY_MS = 60_000;

function wait(one: Case, { copies, tied, sentence }: Decision & { kind: "wait" }, now: Date): void {
  const { job, members } = one;
  const hedging = job.hedged && job.copiesWanted > 0 && one.ended.size === 0;
  const wanted = hedging ? Math.max(copies, job.copiesWanted) : copies;
  const more = wanted > 0 && wanted !== job.copiesWanted && members.length > 0;
  job.copiesWanted = wanted;
  // Who verifies again is always drawn by what is known of them.
  job.tied = tied || job.purpose === "recheck";
  job.waitingSince = wanted > 0 ? ((frees(one) ? null : job.waitingSince) ?? now) : null;
  job.status = statusOf(one);
  const times = live(one).map(({ deadlineAt }) => deadlineAt.getTime());
  if (times.length > 0 && !job.hedged && one.hedgeAt !== null)
    times.push(one.hedgeAt?.getTime() ?? now.getTime() + FIRST_HEDGE_LOOK_MS);
  if (job.waitingSince) times.push(job.waitingSince.getTime() + job.queueTimeoutSeconds * 1000);
  const until = refusedUntil(members);
  if (until) times.push(until > now ? until.getTime() : now.getTime() + LOOK_ANYWAY_MS);
  if (times.length === 0) times.push(now.getTime() + LOOK_ANYWAY_MS);
  // Past deadlines are this step's to end: what is left is looked at again soon, and not in a busy loop.
  const at = new Date(Math.max(now.getTime() + 1_000, Math.min(...times)));
  // A look too early costs less than a row that moves in its index.
  if (job.nextLookAt === null || job.nextLookAt <= now || job.nextLookAt > at) job.nextLookAt = at;
  if (more) one.told ??= { code: "escalated", message: sentence };
  else if ([...one.ended.values()].includes("result"))
    one.told ??= { code: "result", message: `A result is in. ${sentence}` };
  else if (one.ended.size > 0)
    one.told ??= { code: "execution-failed", message: `A machine could not run it. ${sentence}` };
}

function statusOf({ members }: Case): PanelJob["status"] {
  if (members.some(({ status }) => status === "succeeded")) return "verifying";
  if (members.some(({ status }) => status === "running")) return "running";
  return members.some(({ status }) => status === "scheduled") ? "scheduled" : "pending";
}

/** The customer's own wish, in the place of a verdict. */
export function cancel(one: Case, bench: Bench): void {
  close(one, bench, { kind: "cancelled", sentence: "You cancelled it." }, "cancelled-by-customer");
}

/** Ends a case. */
export function close(one: Case, bench: Bench, decision: Closing, reason: ReasonCode | null): void {
  const { job, members } = one;
  const { now } = bench;
  for (const member of live(one)) {
    endMember(one, member, "cancelled", "cancelled", now);
    if (member.startedAt) member.runMs = Math.max(0, now.getTime() - member.startedAt.getTime());
  }
  const accepted = decision.kind === "accepted" || decision.kind === "unverified" ? decision : null;
  job.status = decision.kind === "cancelled" ? "cancelled" : accepted ? "completed" : "failed";
  job.reason = reason;
  job.verdict = verdictOf(decision, reason);
  job.resultExecutionId = accepted?.representative ?? null;
  job.decidedAt = now;
  job.copiesWanted = 0;
  job.waitingSince = null;
  job.nextLookAt = null;
  one.decision = decision.kind === "cancelled" ? null : decision;
  one.told = { code: CODE_OF[decision.kind], message: job.verdict.sentence };
  if (!accepted) return;
  const sides = [
    ["agreed", new Set(accepted.votes.agreed)],
    ["disagreed", new Set(accepted.votes.disagreed)],
  ] as const;
  for (const member of members)
    for (const [vote, ids] of sides) if (ids.has(member.id)) castVote(one, bench, member, vote, true);
  hearLate(one, bench, true);
}

const CODE_OF = {
  accepted: "verified",
  unverified: "unverified",
  "job-error": "job-error",
  nondeterministic: "nondeterministic",
  unresolved: "unresolved",
  failed: "failed",
  cancelled: "cancelled",
} as const satisfies Record<Closing["kind"], string>;

/** @param blind whether it was delivered before the verdict: agreeing with what is shown to everybody proves nothing */
function castVote(
  one: Case,
  { evidenceOf }: Bench,
  member: Mutable<Member>,
  vote: "agreed" | "disagreed",
  blind: boolean,
): void {
  const { job } = one;
  const proves = blind || vote === "disagreed";
  member.vote = vote;
  member.weight = weightOf(evidenceOf(member));
  one.touched.add(member.id);
  const pool = { groups: job.poolGroups ?? 0, unfiltered: job.poolGroupsUnfiltered ?? 0 };
  one.votes.push({ member, vote, counts: proves && job.verdict?.kind === "accepted" && countsAsEvidence(pool) });
}

/** What came after its execution had ended: it has a vote, but changes nothing of what was decided. */
function hearLate(one: Case, bench: Bench, blind: boolean): void {
  const { job, members } = one;
  const { verdict, resultExecutionId } = job;
  if (!verdict?.digest || !resultExecutionId || verdict.recalledAt) return;
  if (verdict.kind !== "accepted" && verdict.kind !== "unverified") return;
  const decision: Decision = {
    ...{ kind: verdict.kind, digest: verdict.digest, representative: resultExecutionId, groups: verdict.votes },
    ...{ credibility: verdict.credibility ?? 0, votes: { agreed: [], disagreed: [] }, sentence: verdict.sentence },
  };
  for (const member of members) {
    if (member.vote !== null || member.digest === null || member.status === "succeeded") continue;
    const vote = lateVote(decision, member.digest, bench.agrees);
    if (vote) castVote(one, bench, member, vote, blind);
  }
}
