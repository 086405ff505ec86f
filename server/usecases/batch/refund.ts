// What customers get back of jobs whose result was taken back: once, when it is known whether anybody has a right one.
import type { ExecutionId } from "../../../domain/ids.ts";
import { type PaidRun, refundBatch } from "../../../domain/money/batch-refund.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import { total } from "../../../domain/money/purse.ts";
import type { Deps, Tx } from "../../deps.ts";
import { bookRefund, chargesOf, lockEarned } from "../../repos/batch-refunds.ts";
import type { LockedPanels, Member } from "../../repos/batch-verdicts.ts";
import type { Case } from "./judge.ts";

/**
 * Gives back what customers paid for wrong results among these cases; everything where nobody can tell what was right. What
 * was given back once is not given back again. All that a recheck is about must be among the cases, with the votes it changes.
 */
export async function refundRecalled(
  { ids }: Pick<Deps, "ids">,
  tx: Tx,
  cases: ReadonlyMap<Case["job"]["id"], Case>,
  { providers }: LockedPanels,
  now: Date,
): Promise<void> {
  const due = [...cases.values()].flatMap((one) => {
    if (one.job.decidedAt) one.job.nextLookAt = null;
    const back = givenBack(one, cases);
    return back.size === 0 ? [] : [{ one, back }];
  });
  if (due.length === 0) return;
  const providerOf = ({ providerId }: Member) => {
    const provider = providers.get(providerId);
    if (!provider) throw new Error(`${providerId} is not locked`);
    return provider;
  };
  const owners = due.flatMap(({ one }) => one.members.map((member) => providerOf(member).owner));
  const earned = await lockEarned(tx, owners);
  const charges = await chargesOf(
    tx,
    due.map(({ one }) => one.job.id),
  );
  for (const { one, back } of due) {
    const { job, touched } = one;
    const runs = paidByCustomer(one).map((member): PaidRun => {
      const { owner, quarantined } = providerOf(member);
      return { id: member.id, owner, amount: member.paid, caught: quarantined || member.vote === "disagreed" };
    });
    const refund = refundBatch(job.account, runs, back, charges.get(job.id) ?? [], earned);
    for (const { book, owner, funds, amount } of refund.entries) {
      const has = earned.get(owner);
      if (book === "earned" && has) earned.set(owner, { ...has, [funds]: has[funds] + amount });
    }
    job.takenCash -= refund.purse.cash;
    job.takenPromotion -= refund.purse.promotion;
    for (const member of one.members.filter(({ id }) => back.has(id))) {
      member.paidBy = "refunded";
      touched.add(member.id);
    }
    await bookRefund(tx, ids, { jobId: job.id, customer: job.account, at: now }, refund);
    const amount = `$${formatMicros(total(refund.purse))}`;
    const all = job.takenCash + job.takenPromotion === 0n;
    const sentence = all
      ? `${amount}, all that you paid for it, is given back.`
      : `${amount}, what you paid for the wrong results, is given back.`;
    one.told = one.told
      ? { ...one.told, message: `${one.told.message} ${sentence}` }
      : { code: "refunded", message: sentence };
  }
}

/** In the order in which they were charged. */
const paidByCustomer = ({ members }: Case) => members.filter(({ paidBy }) => paidBy === "customer");

/** Runs that the customer gets back now: wrong ones where others have a right result, all where nobody has. */
function givenBack(one: Case, cases: ReadonlyMap<Case["job"]["id"], Case>): ReadonlySet<ExecutionId> {
  const { job, members } = one;
  const { verdict } = job;
  const paid = paidByCustomer(one);
  if (job.purpose !== "customer" || !verdict?.recalledAt || members.some(({ paidBy }) => paidBy === "refunded"))
    return NONE;
  if (verdict.recheck === null) return new Set(paid.map(({ id }) => id));
  const again = cases.get(verdict.recheck)?.job;
  // One that does not confirm it decides nothing: three others are asked.
  const contradicts = again?.purpose === "audit" && (again.verdict?.digest ?? null) !== null;
  if (!again?.decidedAt || contradicts) return NONE;
  const wrong = again.verdict?.kind === "accepted" ? paid.filter(({ vote }) => vote === "disagreed") : paid;
  return new Set(wrong.map(({ id }) => id));
}

const NONE: ReadonlySet<ExecutionId> = new Set();
