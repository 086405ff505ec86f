// One random life of a batch job: copies given out, answers in any order and twice, errors, timeouts, late results, cancels.
import {
  advanceBatch,
  BATCH_ENDS,
  type BatchEnd,
  type BatchExecutionEvent,
  type BatchExecutionStatus,
  isBatchLive,
} from "../domain/execution/batch-state.ts";
import type { ExecutionId } from "../domain/ids.ts";
import { batchHold, payBatch, type Run } from "../domain/money/batch-pay.ts";
import { chargeEntries, type Entry, holdEntries, isBalanced, releaseEntries } from "../domain/money/posting.ts";
import { add, EMPTY_PURSE, type Purse, subtract, take, total } from "../domain/money/purse.ts";
import { RULES } from "../domain/verification/constants.ts";
import { type Decision, decide, lateVote, type Outcome, type Panel } from "../domain/verification/decide.ts";
import { type Candidate, drawPanel } from "../domain/verification/panel.ts";
import { seeded } from "../domain/verification/testing.ts";

const FEE_BPS = 1000;
const MOST_STEPS = 200;
/** What runs to its timeout is metered a little longer; the hold must do all the same. */
const OVERRUN = 1.1;
const agrees = (a: string, b: string) => a === b;

interface Member {
  readonly id: ExecutionId;
  readonly candidate: Candidate;
  status: BatchExecutionStatus;
  end: BatchEnd | null;
  exitCode: number | null;
  digest: string | null;
  runMs: number | null;
  /** how often it came to an end */
  ends: number;
}

interface Life {
  readonly random: () => number;
  readonly quorum: number;
  readonly redundancy: number;
  readonly dispatch: Panel["dispatch"];
  readonly timeoutSeconds: number;
  readonly rate: bigint;
  readonly market: readonly Candidate[];
  readonly own: ReadonlySet<string>;
  /** share of the runs that end with an exit code: of some jobs most do */
  readonly failing: number;
  readonly members: Member[];
}

export interface Told {
  readonly end: Decision["kind"] | "cancelled" | "without machines";
  readonly executions: number;
}

/** @throws Error that names the law and the seed where one is broken */
export function playHistory(seed: number): Told {
  try {
    return play(seeded(seed));
  } catch (error) {
    throw new Error(`history ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function play(random: () => number): Told {
  const life = openLife(random);
  const cancelAt = random() < 0.1 ? pick(random, 12) : MOST_STEPS;
  for (let step = 0; step < MOST_STEPS; step++) {
    if (step === cancelAt) return close(life, null, "cancelled");
    const decision = decide(panelOf(life));
    if (decision.kind !== "wait") return close(life, decision, decision.kind);
    if (decision.copies > 0) giveOut(life, decision.copies, decision.tied);
    const live = life.members.filter(({ status }) => isBatchLive(status));
    if (live.length === 0) return close(life, null, "without machines");
    // Anything may be told of anybody, also of those that ended long ago: only what the table allows changes them.
    tell(life, random() < 0.85 ? live[pick(random, live.length)] : life.members[pick(random, life.members.length)]);
  }
  throw new Error("a job has its verdict in the end");
}

function openLife(random: () => number): Life {
  const groups = 2 + pick(random, 12);
  const market = Array.from({ length: 3 + pick(random, 14) }, (_, n): Candidate => {
    const verified = pick(random, 60);
    return {
      providerId: `prov_${n}`,
      group: `owner ${pick(random, groups)}`,
      panelClass: random() < 0.9 ? "image" : "external",
      evidence: { verified, bad: random() < 0.3 ? pick(random, 10) : 0 },
      quarantined: random() < 0.1,
      room: 1 + pick(random, 3),
    };
  });
  return {
    ...{ random, market, members: [], quorum: 1 + pick(random, 4), redundancy: 1 + pick(random, 5) },
    dispatch: random() < 0.7 ? "lazy" : "eager",
    timeoutSeconds: 1 + pick(random, 300),
    rate: BigInt(1 + pick(random, 5_000_000)),
    failing: random() < 0.1 ? 0.9 : 0.1,
    own: new Set(random() < 0.3 ? [`owner ${pick(random, groups)}`] : []),
  };
}

const pick = (random: () => number, below: number) => Math.floor(random() * below);

function outcomeOf({ status, end, exitCode, digest }: Member): Outcome {
  if (isBatchLive(status)) return { kind: "live" };
  if (status === "succeeded" && digest !== null) return { kind: "result", digest };
  if (status === "stopped" || end === "cannot-run") return { kind: "void" };
  return { kind: "error", end: end ?? "infrastructure", exitCode };
}

function panelOf({ members, quorum, redundancy, dispatch }: Life): Panel {
  return {
    members: members.map((member) => {
      const { group, evidence } = member.candidate;
      return { id: member.id, group, evidence, outcome: outcomeOf(member) };
    }),
    ...{ quorum, redundancy, dispatch, agrees },
  };
}

function giveOut(life: Life, copies: number, tied: boolean): void {
  const { members, market, own, random } = life;
  const excludedGroups = new Set([...own, ...members.map(({ candidate }) => candidate.group)]);
  const panelClass = members[0]?.candidate.panelClass ?? null;
  // Machines come and go between rounds.
  const free = market.filter(() => random() < 0.9);
  const unproven = members.filter(({ candidate }) => candidate.evidence.verified < 20).length;
  const drawn = drawPanel(free, { copies, excludedGroups, unproven, panelClass, tied }, random);
  law(drawn.length <= copies, "no more copies than wanted");
  for (const candidate of drawn) {
    const n = members.length;
    const empty = { end: null, exitCode: null, digest: null, runMs: null, ends: 0 };
    members.push({ id: `exec_${n}`, candidate, status: "scheduled", ...empty });
  }
  const groups = members.map(({ candidate }) => candidate.group);
  law(new Set(groups).size === groups.length, "no panel has two of one owner");
  law(!groups.some((group) => own.has(group)), "nobody runs a job of their own");
  law(new Set(members.map(({ candidate }) => candidate.panelClass)).size <= 1, "a panel is of one class");
}

/** Something is told of an execution; where it has ended already, it stays as it was. */
function tell({ random, timeoutSeconds, failing }: Life, member: Member | undefined): void {
  if (!member) return;
  const said = random();
  const answer = random() < failing ? "errored" : "result";
  const event = said < 0.2 ? "started" : said < 0.85 ? answer : said < 0.93 ? "timedOut" : "gone";
  if (!move(member, event)) {
    // Late, or told twice: kept for the late vote, where none is known yet.
    if (event === "result") member.digest ??= digestBy(random);
    return;
  }
  if (event === "started") return;
  member.runMs = pick(random, timeoutSeconds * 1000 * OVERRUN + 1);
  if (event === "result") member.digest = digestBy(random);
  else if (event === "timedOut") member.end = "timed-out";
  else if (event === "gone") member.end = "provider-silent";
  else
    member.end = random() < failing ? "exit-code" : (BATCH_ENDS[pick(random, BATCH_ENDS.length)] ?? "infrastructure");
  if (member.end === "exit-code") member.exitCode = 1 + pick(random, 2);
}

function move(member: Member, event: BatchExecutionEvent): boolean {
  const wasLive = isBatchLive(member.status);
  try {
    member.status = advanceBatch(member.status, event);
  } catch {
    return false;
  }
  law(wasLive, "what ended stays ended");
  if (!isBatchLive(member.status)) member.ends += 1;
  return true;
}

const digestBy = (random: () => number) => (random() < 0.7 ? "right" : `wrong ${pick(random, 3)}`);

function close(life: Life, decision: Decision | null, end: Told["end"]): Told {
  const { members, random } = life;
  const stopped = new Set<Member>();
  for (const member of members) {
    if (!isBatchLive(member.status)) continue;
    const began = member.status === "running";
    move(member, "cancelled");
    if (began) member.runMs = pick(random, life.timeoutSeconds * 1000);
    stopped.add(member);
  }
  law(
    members.every(({ ends, status }) => ends === 1 && !isBatchLive(status)),
    "every execution has one end",
  );
  pay(life, decision, stopped);
  if (decision) staysDecided(life, decision);
  for (let late = pick(random, 4); late > 0; late--) tell(life, members[pick(random, members.length)]);
  law(
    members.every(({ ends }) => ends <= 1),
    "what comes late ends nothing again",
  );
  if (decision) staysDecided(life, decision);
  return { end, executions: members.length };
}

/** What is decided by answers is decided alike after the verdict, in another order, and told twice. */
function staysDecided(life: Life, decision: Decision): void {
  const { members, random, quorum } = life;
  if (decision.kind === "accepted") law(decision.groups >= quorum, "a quorum of owners agrees on what is accepted");
  if (decision.kind === "accepted" || decision.kind === "unverified") {
    law(lateVote(decision, decision.digest, agrees) === "agreed", "who says the same late has agreed");
    const panel = panelOf(life);
    const twice = [...panel.members, ...panel.members.filter(() => random() < 0.3)].sort(() => random() - 0.5);
    const again = decide({ ...panel, members: twice });
    law(again.kind === decision.kind && "digest" in again && again.digest === decision.digest, "a verdict is final");
  }
  const counted = members.filter(({ end }) => end !== "cannot-run" && end !== "cancelled");
  law(counted.length <= RULES.mostExecutions, "no job has more than seven executions that began");
}

function pay(life: Life, decision: Decision | null, stopped: ReadonlySet<Member>): void {
  const { members, random, rate, timeoutSeconds, redundancy } = life;
  const amount = batchHold(rate, timeoutSeconds, redundancy);
  const promotion = (amount * BigInt(pick(random, 101))) / 100n;
  const held: Purse = { promotion, cash: amount - promotion };
  const agreed = new Set(decision && "votes" in decision ? decision.votes.agreed : []);
  const disagreed = new Set(decision && "votes" in decision ? decision.votes.disagreed : []);
  const runs = members.map((member, n): Run => {
    const { id, runMs } = member;
    const worth = agreed.has(id) ? "agreed" : disagreed.has(id) ? "disagreed" : "unpaid";
    // The provider's own price is never above what was held for.
    const asked = (rate * BigInt(50 + pick(random, 51))) / 100n;
    return { id, number: n + 1, rate: asked, runMs, role: stopped.has(member) ? "cancelled" : worth };
  });
  const payments = payBatch(runs, { redundancy, timeoutSeconds, held: amount });
  law(new Set(payments.map(({ id }) => id)).size === payments.length, "nobody is paid twice");
  law(
    payments.every((payment) => payment.amount > 0n && !disagreed.has(payment.id)),
    "who disagreed is not paid",
  );
  const entries: Entry[] = [...holdEntries("customer", held)];
  let taken = EMPTY_PURSE;
  for (const payment of payments) {
    if (payment.by !== "customer") continue;
    const purse = take(subtract(held, taken), payment.amount);
    if (!purse) throw new Error("a job never costs its customer more than was held");
    entries.push(...chargeEntries("customer", `owner of ${payment.id}`, purse, taken, FEE_BPS));
    taken = add(taken, purse);
  }
  const most = (rate * BigInt(Math.ceil(timeoutSeconds * OVERRUN))) / 3600n + 1n;
  law(
    payments.every((payment) => payment.amount <= most),
    "nobody earns more than its whole time",
  );
  entries.push(...releaseEntries("customer", subtract(held, taken)));
  law(isBalanced(entries), "entries sum to zero");
  const left = entries.filter(({ book }) => book === "held").reduce((sum, entry) => sum + entry.amount, 0n);
  law(left === 0n, "nothing stays held");
  law(total(taken) <= amount, "the customer pays at most the hold");
}

function law(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(`broken law: ${sentence}`);
}
