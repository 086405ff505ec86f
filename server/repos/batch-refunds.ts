// Money of jobs whose result was taken back: what was charged, what owners still have of it, and the posting that gives back.
import { sql } from "drizzle-orm";
import type { JobId } from "../../domain/ids.ts";
import type { Refund } from "../../domain/money/batch-refund.ts";
import type { Entry } from "../../domain/money/posting.ts";
import { EMPTY_PURSE, type Purse } from "../../domain/money/purse.ts";
import type { Ids, Tx } from "../deps.ts";
import { textArray } from "./arrays.ts";
import { post, shift } from "./ledger.ts";

/** What these owners have earned and not been paid out. Nobody else takes from it until the transaction ends. */
export async function lockEarned(tx: Tx, owners: readonly string[]): Promise<Map<string, Purse>> {
  const those = [...new Set(owners)].sort();
  await tx.execute(sql`
    select pg_advisory_xact_lock(hashtext('berth.earned'), hashtext(owner))
    from unnest(${textArray(those)}) with ordinality as o(owner, nth) order by nth`);
  const rows = await tx.execute<{ owner: string; cash: string; promotion: string }>(sql`
    select owner, coalesce(sum(amount) filter (where funds = 'cash'), 0)::text as cash,
      coalesce(sum(amount) filter (where funds = 'promotion'), 0)::text as promotion
    from entries where book = 'earned' and owner = any(${textArray(those)}) group by owner`);
  return new Map(
    rows.map(({ owner, cash, promotion }) => [owner, { cash: BigInt(cash), promotion: BigInt(promotion) }]),
  );
}

/** Of each job the entries with which its customer was charged. What `verification` paid for is not among them. */
export async function chargesOf(tx: Tx, jobIds: readonly JobId[]): Promise<Map<JobId, Entry[]>> {
  const rows = await tx.execute<Omit<Entry, "amount"> & { jobId: JobId; amount: string }>(sql`
    select p.job_id as "jobId", e.book, e.owner, e.funds, e.amount::text as amount
    from postings p join entries e on e.posting_id = p.id
    where p.job_id = any(${textArray(jobIds)}) and p.kind = 'charge'
      and exists (select 1 from entries h where h.posting_id = p.id and h.book = 'held')`);
  const charges = new Map<JobId, Entry[]>();
  for (const { jobId, amount, ...line } of rows)
    charges.set(jobId, [...(charges.get(jobId) ?? []), { ...line, amount: BigInt(amount) }]);
  return charges;
}

/** Gives it to a customer whose account is locked. */
export async function bookRefund(
  tx: Tx,
  ids: Ids,
  { jobId, customer, at }: { readonly jobId: JobId; readonly customer: string; readonly at: Date },
  { purse, entries }: Refund,
): Promise<void> {
  await shift(tx, customer, purse, EMPTY_PURSE);
  await post(tx, ids, { kind: "refund", jobId, description: "Given back: the result was taken back", at }, entries);
}
