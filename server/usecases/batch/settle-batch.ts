// The one way a batch job is judged: locked with all it touches, changed, decided, paid and told in one transaction.
import type { ExecutionId, JobId, ProviderId } from "../../../domain/ids.ts";
import { EMPTY_PURSE } from "../../../domain/money/purse.ts";
import { changeReputation } from "../../../domain/provider/state.ts";
import { RULES } from "../../../domain/verification/constants.ts";
import { decayed, type Evidence, NO_EVIDENCE, withVote } from "../../../domain/verification/evidence.ts";
import { faultOf } from "../../../domain/verification/fault.ts";
import { restMs } from "../../../domain/verification/resting.ts";
import type { Deps, Tx } from "../../deps.ts";
import { anyWaiting, tellProviders } from "../../repos/batch-dispatch.ts";
import { type JobPay, payJobs } from "../../repos/batch-payments.ts";
import {
  insertResults,
  type LockedPanels,
  lockPanels,
  type Member,
  type NewResult,
  writeJobs,
  writeMembers,
} from "../../repos/batch-verdicts.ts";
import { recordEvents } from "../../repos/events.ts";
import { type KnownProvider, type ScoreChange, writeKnown } from "../../repos/evidence.ts";
import { recomputeManyOffers } from "../../repos/offers.ts";
import { planChecks } from "./after-verdict.ts";
import { comparing } from "./comparing.ts";
import { type Bench, type Case, hasWaitedLong, isRefusedLong, openCase } from "./judge.ts";
import { contradicted, hearChecks, judgeAny } from "./judge-checks.ts";
import { keptWaiting, leftWithNobody } from "./kept-waiting.ts";
import { paymentsOf } from "./paid.ts";
import { caughtIn, quarantine } from "./quarantine.ts";
import { refundRecalled } from "./refund.ts";

export type SettleDeps = Pick<Deps, "db" | "clock" | "ids" | "random" | "queue" | "settings">;

/** Only a copy given out between two statements makes it begin again. */
const MOST_TRIES = 5;

export type Cases = ReadonlyMap<JobId, Case>;

/** What happens to jobs, once they are locked. */
export interface Step<T> {
  readonly jobs: readonly JobId[];
  /** Changes cases, and says what was delivered. It may be called again. */
  readonly change: (
    cases: Cases,
    locked: LockedPanels,
    now: Date,
  ) => { readonly value: T; readonly results: readonly NewResult[] };
  /** `judge`, but for the customer's own wish to cancel */
  readonly decide?: (one: Case, bench: Bench) => void;
}

/**
 * Locks jobs, changes them by the step, judges each, and writes all that follows; rings for machines where any job waits.
 * Safe to run twice: what was decided stays decided.
 */
export async function settleJobs<T>(deps: SettleDeps, step: Step<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const settled = await deps.db.transaction((tx) => settle(deps, tx, step));
    if (settled) {
      if (settled.ring) await deps.queue.ring("batch.dispatch", {});
      return settled.value;
    }
    if (tries >= MOST_TRIES) throw new Error("the panels of these jobs did not hold still");
  }
}

async function settle<T>(deps: SettleDeps, tx: Tx, { jobs, change, decide = judgeAny }: Step<T>) {
  const locked = await lockPanels(tx, jobs);
  if (!locked) return null;
  const now = deps.clock.now();
  const cases = new Map(locked.jobs.map((job) => [job.id, openCase(job, locked.members.get(job.id) ?? [])]));
  const { value, results } = change(cases, locked, now);
  const [, agreesOf] = await Promise.all([insertResults(tx, results, now), comparing(tx, [...cases.values()])]);
  const evidence = evidenceNow(locked.providers, now);
  const isQuarantined = ({ providerId }: Member) => locked.providers.get(providerId)?.quarantined === true;
  const open = [...cases.values()].filter(({ job }) => !job.decidedAt);
  const overdue = open.filter((one) => hasWaitedLong(one, now)).map(({ job }) => job.id);
  const kept = await keptWaiting(deps, overdue, now, tx);
  const refused = open.filter((one) => isRefusedLong(one, now)).map(({ job }) => job.id);
  const left = await leftWithNobody(deps, refused, now, tx);
  const keptBy = ({ job }: Case) => kept.get(job.id) ?? null;
  const isRefusedByAll = ({ job }: Case) => left.has(job.id);
  const bench = { now, evidenceOf: evidence, isQuarantined, keptBy, isRefusedByAll };
  for (const one of cases.values()) decide(one, { ...bench, agrees: agreesOf(one) });
  const decided = open.filter(({ job }) => job.decidedAt);
  hearChecks(cases, decided, agreesOf, now);
  await pay(deps, tx, decided, locked, now);
  await refundRecalled(deps, tx, cases, locked, now);
  await write(tx, [...cases.values()], locked, now);
  await planChecks(deps, tx, decided, contradicted(decided, cases, agreesOf), evidence, now);
  return { value, ring: await anyWaiting(tx, now) };
}

function evidenceNow(providers: LockedPanels["providers"], now: Date): (member: Member) => Evidence {
  const all = new Map<ProviderId, Evidence>();
  for (const { id, at, verified, bad } of providers.values())
    all.set(id, at ? decayed({ verified, bad, at }, now) : NO_EVIDENCE);
  return ({ providerId }) => all.get(providerId) ?? NO_EVIDENCE;
}

async function pay(deps: SettleDeps, tx: Tx, decided: readonly Case[], locked: LockedPanels, now: Date): Promise<void> {
  const pays: JobPay[] = decided.map((one) => {
    const { job, members, touched } = one;
    const payments = paymentsOf(one);
    const dues = payments.flatMap(({ id, amount, by }) => {
      const member = members.find((each) => each.id === id);
      const provider = member && locked.providers.get(member.providerId);
      if (!member || !provider) throw new Error(`${id} is paid, but is not of this panel`);
      member.paid = amount;
      member.paidBy = by;
      touched.add(id);
      return [{ owner: provider.owner, amount, by }];
    });
    return { jobId: job.id, account: job.account, held: { cash: job.heldCash, promotion: job.heldPromotion }, dues };
  });
  const { demo, platformFeeBps: feeBps } = deps.settings;
  const verificationFunds = demo ? "promotion" : "cash";
  const paid = await payJobs(tx, deps.ids, pays, { feeBps, verificationFunds, now });
  for (const { job } of decided) {
    const taken = paid.get(job.id) ?? EMPTY_PURSE;
    job.takenCash += taken.cash;
    job.takenPromotion += taken.promotion;
    job.heldCash = 0n;
    job.heldPromotion = 0n;
  }
}

async function write(tx: Tx, cases: readonly Case[], { providers }: LockedPanels, now: Date): Promise<void> {
  const members = cases.flatMap((one) => one.members.filter(({ id }) => one.touched.has(id)));
  const ended = cases.flatMap((one) => one.members.filter(({ id }) => one.ended.has(id)));
  const freed = cases.flatMap((one) => (one.job.gpuCount > 0 ? [...one.ended.keys()] : []));
  const jobs = cases.map(({ job }) => job);
  const events = cases.flatMap(({ job, told }) => (told ? [{ subject: job.id, ...told, at: now }] : []));
  const { known, scores } = learn(cases, providers, now);
  // One trip for all of them. Each sends what it has at once: after an error of another one nothing may follow.
  await Promise.all([
    writeMembers(tx, members, freed),
    writeJobs(tx, jobs),
    recordEvents(tx, events),
    writeKnown(tx, known, scores, now),
  ]);
  const caught = caughtIn(cases, known);
  await quarantine(tx, caught, now);
  // Of all others the score alone is another one, and that is written with it.
  const machines = new Set([...ended, ...caught].map(({ providerId }) => providerId));
  await recomputeManyOffers(tx, [...machines]);
  // Whatever ended without its machine saying so is to be stopped there.
  const stopped = cases.flatMap((one) =>
    one.members.filter(({ id, resultHash }) => one.ended.has(id) && resultHash === null),
  );
  await tellProviders(tx, [...new Set(stopped.map(({ providerId }) => providerId))]);
}

type Known = { -readonly [K in keyof KnownProvider]: KnownProvider[K] };

/** What these cases teach of their providers: evidence and score by votes that count, rests by errors. */
function learn(cases: readonly Case[], providers: LockedPanels["providers"], now: Date) {
  const known = new Map<ProviderId, Known>();
  const scores: ScoreChange[] = [];
  const of = (id: ProviderId): Known => {
    const there = known.get(id);
    if (there) return there;
    const locked = providers.get(id);
    if (!locked) throw new Error(`${id} is not locked`);
    const copy = { ...locked };
    known.set(id, copy);
    return copy;
  };
  for (const one of cases) {
    for (const [id, how] of one.ended)
      if (how !== "cancelled") ran(of(memberOf(one, id).providerId), memberOf(one, id), now);
    for (const { providerId } of one.blamed) fail(of(providerId), now);
    for (const { member, vote, counts } of one.votes) {
      const provider = of(member.providerId);
      if (vote === "agreed") provider.jobsGood += 1;
      else provider.jobsFailed += 1;
      if (!counts) continue;
      provider.streak = vote === "agreed" ? provider.streak + 1 : 0;
      const { verified, bad, at } = provider;
      Object.assign(provider, withVote({ verified, bad, at: at ?? now }, vote, now));
      const { score, applied } = changeReputation(provider.reputation, RULES[vote]);
      provider.reputation = score;
      scores.push({ providerId: provider.id, delta: applied, reason: vote, jobId: one.job.id });
    }
  }
  return { known: [...known.values()], scores };
}

function memberOf({ members }: Case, id: ExecutionId): Member {
  const member = members.find((each) => each.id === id);
  if (!member) throw new Error(`${id} is not of this panel`);
  return member;
}

function ran(provider: Known, { endCause }: Member, now: Date): void {
  if (endCause === "cannot-run" || endCause === "suspended") return;
  provider.jobsRun += 1;
  if (endCause === null) {
    provider.errors = 0;
    provider.restingUntil = null;
  } else if (faultOf(endCause) !== "nobody") fail(provider, now);
}

/** An end that is its own fault: it rests, the longer the more of them came without a result between. */
function fail(provider: Known, now: Date): void {
  provider.jobsFailed += 1;
  provider.errors += 1;
  provider.restingUntil = new Date(now.getTime() + restMs(provider.errors));
}
