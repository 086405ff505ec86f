// What machines earned: entries of the book `earned`, by the machine on which the job ran.
// They are found from their owner, whose entries have an index. Of a rental only one execution ever ran; of a batch job an
// owner's entry is for its machine in the panel, and is shared by what each was paid where several of them were in it.
import { and, eq, gte, inArray, isNotNull, type SQL, sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import { executions } from "../../drizzle/schema/job.ts";
import { entries, postings } from "../../drizzle/schema/ledger.ts";
import { providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";
import { textArray } from "./arrays.ts";

/** micro-USD, after the fee */
export interface Earned {
  readonly cash: bigint;
  readonly promotion: bigint;
}

const NOTHING: Earned = { cash: 0n, promotion: 0n };

type Row = { readonly id: ProviderId; readonly day: string; readonly cash: string; readonly promotion: string };

const CASH = sql<string>`coalesce(sum(${entries.amount}) filter (where ${entries.funds} = 'cash'), 0)`;
const PROMOTION = sql<string>`coalesce(sum(${entries.amount}) filter (where ${entries.funds} = 'promotion'), 0)`;

function ofMachines(ids: readonly ProviderId[]): SQL | undefined {
  return and(
    inArray(executions.providerId, [...ids]),
    eq(entries.owner, providers.owner),
    eq(entries.book, "earned"),
    isNotNull(executions.startedAt),
  );
}

/** Since ever. Who earned nothing has no entry. */
export async function earnedBy(db: Db | Tx, ids: readonly ProviderId[]): Promise<Map<ProviderId, Earned>> {
  const [rentals, batch] = await Promise.all([byRentals(db, ids, null), byBatch(db, ids, null)]);
  return summed([...rentals, ...batch], ({ id }) => id);
}

/** By day of UTC (YYYY-MM-DD), oldest first; days without earnings are left out. */
export async function earnedByDay(
  db: Db | Tx,
  id: ProviderId,
  since: Date,
): Promise<(Earned & { readonly day: string })[]> {
  const [rentals, batch] = await Promise.all([byRentals(db, [id], since), byBatch(db, [id], since)]);
  return [...summed([...rentals, ...batch], ({ day }) => day)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([day, earned]) => ({ day, ...earned }));
}

function summed<K extends string>(rows: readonly Row[], keyOf: (row: Row) => K): Map<K, Earned> {
  const sums = new Map<K, Earned>();
  for (const row of rows) {
    const { cash, promotion } = sums.get(keyOf(row)) ?? NOTHING;
    sums.set(keyOf(row), { cash: cash + BigInt(row.cash), promotion: promotion + BigInt(row.promotion) });
  }
  return sums;
}

/** @param since null: since ever, and of no day */
function dayOf(since: Date | null): SQL<string> {
  return since ? sql<string>`to_char(${postings.at} at time zone 'UTC', 'YYYY-MM-DD')` : sql<string>`''`;
}

function byRentals(db: Db | Tx, ids: readonly ProviderId[], since: Date | null): Promise<Row[]> {
  return db
    .select({ id: executions.providerId, day: dayOf(since), cash: CASH, promotion: PROMOTION })
    .from(providers)
    .innerJoin(entries, eq(entries.owner, providers.owner))
    .innerJoin(postings, eq(postings.id, entries.postingId))
    .innerJoin(executions, and(eq(executions.jobId, postings.jobId), eq(executions.providerId, providers.id)))
    .where(and(ofMachines(ids), since ? gte(postings.at, since) : undefined))
    .groupBy(sql`1, 2`);
}

/** Each entry is shared to the last micro-USD, so that an owner's machines together earned what its entries say. */
async function byBatch(db: Db | Tx, ids: readonly ProviderId[], since: Date | null): Promise<Row[]> {
  const those = textArray(ids);
  const rows = await db.execute<Row>(sql`
    with paid as (
      select e.provider_id, e.job_id, p.owner, e.paid,
        sum(e.paid) over (partition by e.job_id, p.owner order by e.id) as upto,
        sum(e.paid) over (partition by e.job_id, p.owner) as together
      from batch_executions e join providers p on p.id = e.provider_id
      where e.paid > 0 and p.owner in (select owner from providers where id = any(${those}))),
    shares as (
      select paid.provider_id, ${dayOf(since)} as day, ${entries.funds} as funds,
        div(${entries.amount} * paid.upto, paid.together)
          - div(${entries.amount} * (paid.upto - paid.paid), paid.together) as amount
      from paid join ${postings} on ${postings.jobId} = paid.job_id
      join ${entries} on ${entries.postingId} = ${postings.id} and ${entries.owner} = paid.owner
      where ${entries.book} = 'earned' and paid.provider_id = any(${those})
        ${since ? sql`and ${postings.at} >= ${since.toISOString()}::timestamptz` : sql``})
    select provider_id as id, day, coalesce(sum(amount) filter (where funds = 'cash'), 0)::text as cash,
      coalesce(sum(amount) filter (where funds = 'promotion'), 0)::text as promotion
    from shares group by provider_id, day`);
  return [...rows];
}

/** Since ever, by all machines of an owner, removed ones too. */
export async function earnedByOwner(db: Db | Tx, owner: string): Promise<Earned> {
  const [row] = await db
    .select({ cash: CASH, promotion: PROMOTION })
    .from(entries)
    .where(and(eq(entries.owner, owner), eq(entries.book, "earned")));
  return { cash: BigInt(row?.cash ?? 0), promotion: BigInt(row?.promotion ?? 0) };
}
