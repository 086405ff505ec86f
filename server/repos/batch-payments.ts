// Money of decided batch jobs: what machines get for them, and the rest of the hold that goes back. Many jobs a statement.
import { sql } from "drizzle-orm";
import type { JobId, PostingId } from "../../domain/ids.ts";
import { splitFee } from "../../domain/money/charge.ts";
import { chargeEntries, type Entry, type Funds, type PostingKind, releaseEntries } from "../../domain/money/posting.ts";
import { add, EMPTY_PURSE, type Purse, subtract, take, total } from "../../domain/money/purse.ts";
import type { Ids, Tx } from "../deps.ts";

export interface Due {
  /** the provider's owner */
  readonly owner: string;
  /** micro-USD, before the fee */
  readonly amount: bigint;
  readonly by: "customer" | "verification";
}

export interface JobPay {
  readonly jobId: JobId;
  readonly account: string;
  readonly held: Purse;
  readonly dues: readonly Due[];
}

interface Posting {
  readonly id: PostingId;
  readonly kind: PostingKind;
  readonly jobId: JobId;
  readonly description: string;
  readonly lines: readonly Entry[];
}

/**
 * Pays out of the hold, promotion first, and gives back the rest. What `verification` pays for is of that kind of funds of
 * which the hold was, so that a job on promotion earns nobody cash. The accounts are locked.
 * @returns what each job's customer paid
 */
export async function payJobs(
  tx: Tx,
  ids: Ids,
  jobs: readonly JobPay[],
  {
    feeBps,
    verificationFunds,
    now,
  }: { readonly feeBps: number; readonly verificationFunds: Funds; readonly now: Date },
): Promise<Map<JobId, Purse>> {
  const paid = new Map<JobId, Purse>();
  const postings: Posting[] = [];
  const shifts = new Map<string, { available: Purse; held: Purse }>();
  for (const job of jobs) {
    const { jobId, account, held, dues } = job;
    let taken = EMPTY_PURSE;
    const charged: Entry[] = [];
    const verified: Entry[] = [];
    for (const { owner, amount, by } of dues) {
      if (by === "verification") {
        const funds = total(held) === 0n ? verificationFunds : held.promotion > 0n ? "promotion" : "cash";
        verified.push(...verificationEntries(owner, funds, amount, feeBps));
        continue;
      }
      const purse = take(subtract(held, taken), amount);
      if (!purse) throw new Error(`job ${jobId} costs more than was held for it`);
      charged.push(...chargeEntries(account, owner, purse, taken, feeBps));
      taken = add(taken, purse);
    }
    const rest = subtract(held, taken);
    const told = (lines: readonly Entry[], kind: PostingKind, description: string) => {
      if (lines.length > 0) postings.push({ id: ids.next("post"), kind, jobId, description, lines: merged(lines) });
    };
    told(charged, "charge", "Runs of a batch job");
    told(verified, "charge", "Runs of a batch job, paid by the broker to verify it");
    told(total(rest) === 0n ? [] : releaseEntries(account, rest), "release", "What was not used goes back");
    paid.set(jobId, taken);
    const before = shifts.get(account) ?? { available: EMPTY_PURSE, held: EMPTY_PURSE };
    shifts.set(account, { available: add(before.available, rest), held: add(before.held, held) });
  }
  await Promise.all([book(tx, postings, now), shiftAccounts(tx, shifts)]);
  return paid;
}

function verificationEntries(owner: string, funds: Funds, amount: bigint, feeBps: number): Entry[] {
  const { fee, provider } = splitFee(amount, feeBps);
  const entries: Entry[] = [
    { book: "platform", owner: "verification", funds, amount: -amount },
    { book: "earned", owner, funds, amount: provider },
    { book: "platform", owner: "fees", funds, amount: fee },
  ];
  return entries.filter((entry) => entry.amount !== 0n);
}

/** One entry for each account and kind of funds: a panel's fees are one sum. */
function merged(lines: readonly Entry[]): Entry[] {
  const sums = new Map<string, Entry>();
  for (const line of lines) {
    const key = `${line.book} ${line.owner} ${line.funds}`;
    sums.set(key, { ...line, amount: (sums.get(key)?.amount ?? 0n) + line.amount });
  }
  return [...sums.values()];
}

async function book(tx: Tx, postings: readonly Posting[], now: Date): Promise<void> {
  if (postings.length === 0) return;
  const heads = postings.map(({ lines: _, ...posting }) => posting);
  const lines = postings.flatMap(({ id, lines }) =>
    lines.map((line) => ({ ...line, postingId: id, amount: line.amount.toString() })),
  );
  await tx.execute(sql`
    with heads as (
      insert into postings (id, kind, job_id, description, at)
      select id, kind, "jobId", description, ${now.toISOString()}::timestamptz
      from jsonb_to_recordset(${JSON.stringify(heads)}::jsonb) as p(id text, kind text, "jobId" text, description text))
    insert into entries (posting_id, book, owner, funds, amount)
    select "postingId", book, owner, funds, amount
    from jsonb_to_recordset(${JSON.stringify(lines)}::jsonb) as e("postingId" text, book text, owner text, funds text,
      amount bigint)`);
}

async function shiftAccounts(tx: Tx, shifts: ReadonlyMap<string, { available: Purse; held: Purse }>): Promise<void> {
  const rows = [...shifts].map(([account, { available, held }]) => ({
    account,
    availableCash: available.cash.toString(),
    availablePromotion: available.promotion.toString(),
    heldCash: held.cash.toString(),
    heldPromotion: held.promotion.toString(),
  }));
  if (rows.length === 0) return;
  await tx.execute(sql`
    update accounts a set available_cash = a.available_cash + s."availableCash",
      available_promotion = a.available_promotion + s."availablePromotion",
      held_cash = a.held_cash - s."heldCash", held_promotion = a.held_promotion - s."heldPromotion"
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as s(account text, "availableCash" bigint,
      "availablePromotion" bigint, "heldCash" bigint, "heldPromotion" bigint)
    where a.address = s.account`);
}
