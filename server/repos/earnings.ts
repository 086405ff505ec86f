// What machines earned: entries of the book `earned`, by the machine on which the job ran.
// They are found from their owner, whose entries have an index; only one execution of a job ever ran, the others failed
// before they began and cost nothing.
import { and, eq, gte, inArray, isNotNull, type SQL, sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import { executions } from "../../drizzle/schema/job.ts";
import { entries, postings } from "../../drizzle/schema/ledger.ts";
import { providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";

/** micro-USD, after the fee */
export interface Earned {
  readonly cash: bigint;
  readonly promotion: bigint;
}

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
  const rows = await db
    .select({ id: executions.providerId, cash: CASH, promotion: PROMOTION })
    .from(providers)
    .innerJoin(entries, eq(entries.owner, providers.owner))
    .innerJoin(postings, eq(postings.id, entries.postingId))
    .innerJoin(executions, and(eq(executions.jobId, postings.jobId), eq(executions.providerId, providers.id)))
    .where(ofMachines(ids))
    .groupBy(executions.providerId);
  return new Map(rows.map(({ id, cash, promotion }) => [id, { cash: BigInt(cash), promotion: BigInt(promotion) }]));
}

/** By day of UTC (YYYY-MM-DD), oldest first; days without earnings are left out. */
export async function earnedByDay(
  db: Db | Tx,
  id: ProviderId,
  since: Date,
): Promise<(Earned & { readonly day: string })[]> {
  const day = sql<string>`to_char(${postings.at} at time zone 'UTC', 'YYYY-MM-DD')`;
  const rows = await db
    .select({ day, cash: CASH, promotion: PROMOTION })
    .from(providers)
    .innerJoin(entries, eq(entries.owner, providers.owner))
    .innerJoin(postings, eq(postings.id, entries.postingId))
    .innerJoin(executions, and(eq(executions.jobId, postings.jobId), eq(executions.providerId, providers.id)))
    .where(and(ofMachines([id]), gte(postings.at, since)))
    .groupBy(sql`1`)
    .orderBy(sql`1`);
  return rows.map(({ day, cash, promotion }) => ({ day, cash: BigInt(cash), promotion: BigInt(promotion) }));
}

/** Since ever, by all machines of an owner, removed ones too. */
export async function earnedByOwner(db: Db | Tx, owner: string): Promise<Earned> {
  const [row] = await db
    .select({ cash: CASH, promotion: PROMOTION })
    .from(entries)
    .where(and(eq(entries.owner, owner), eq(entries.book, "earned")));
  return { cash: BigInt(row?.cash ?? 0), promotion: BigInt(row?.promotion ?? 0) };
}
