// What machines earned: entries of the book `earned`, by the machine on which the job ran. Most of them are summed by day
// already; a read adds the few since, which are found from their owner.
// Of a rental only one execution ever ran; of a batch job an owner's entry is for its machine in the panel, and is shared by
// what each was paid where several of them were in it.
import { type SQL, sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import { earningsSummed, providerEarnings } from "../../drizzle/schema/ledger.ts";
import type { Db, Tx } from "../deps.ts";
import { textArray } from "./arrays.ts";

/** micro-USD, after the fee */
export interface Earned {
  readonly cash: bigint;
  readonly promotion: bigint;
}

export interface DayEarned extends Earned {
  /** of UTC, YYYY-MM-DD */
  readonly day: string;
}

type Sums = { readonly cash: string; readonly promotion: string };

/**
 * What each machine gets of these entries `e`, as (provider_id, day, cash, promotion). Each entry is shared to the last
 * micro-USD, so that an owner's machines together earned what its entries say.
 */
const sharesOf = (which: SQL) => sql`
  select provider_id, day,
    coalesce(sum(amount) filter (where funds = 'cash'), 0) as cash,
    coalesce(sum(amount) filter (where funds = 'promotion'), 0) as promotion
  from (
    select e.funds, to_char(p.at at time zone 'UTC', 'YYYY-MM-DD') as day, paid.provider_id,
      div(e.amount * paid.upto, paid.together) - div(e.amount * (paid.upto - paid.paid), paid.together) as amount
    from entries e join postings p on p.id = e.posting_id
    cross join lateral (
      select x.provider_id, 1 as paid, 1 as upto, 1 as together
      from executions x join providers m on m.id = x.provider_id
      where x.job_id = p.job_id and x.started_at is not null and m.owner = e.owner
      union all
      select x.provider_id, x.paid, sum(x.paid) over (order by x.id), sum(x.paid) over ()
      from batch_executions x join providers m on m.id = x.provider_id
      where x.job_id = p.job_id and x.paid > 0 and m.owner = e.owner) paid
    where e.book = 'earned' and ${which}) shares
  group by provider_id, day`;

/** Which machines, as a condition on `providers`, and which days. */
interface Wanted {
  readonly machines: SQL;
  readonly days?: SQL;
}

const UPTO = sql`coalesce((select ${earningsSummed.upto} from ${earningsSummed}), 0)`;

/** In one statement: what is summed while it runs is seen once. */
const earnings = ({ machines, days = sql`true` }: Wanted) => sql`(
  select provider_id, day, cash, promotion from ${providerEarnings}
  where provider_id in (select id from providers where ${machines}) and ${days}
  union all
  select provider_id, day, cash, promotion
  from (${sharesOf(sql`e.owner in (select owner from providers where ${machines}) and e.id > ${UPTO}`)}) since
  where provider_id in (select id from providers where ${machines}) and ${days})`;

const SUMS = sql`coalesce(sum(cash), 0)::text as cash, coalesce(sum(promotion), 0)::text as promotion`;
const ofText = ({ cash, promotion }: Sums): Earned => ({ cash: BigInt(cash), promotion: BigInt(promotion) });

/** Since ever. Who earned nothing has no entry. */
export async function earnedBy(db: Db | Tx, ids: readonly ProviderId[]): Promise<Map<ProviderId, Earned>> {
  const machines = sql`id = any(${textArray(ids)})`;
  const rows = await db.execute<Sums & { readonly id: ProviderId }>(sql`
    select provider_id as id, ${SUMS} from ${earnings({ machines })} earned group by provider_id`);
  return new Map(rows.map(({ id, ...sums }) => [id, ofText(sums)]));
}

/** Since ever, by all machines of an owner, removed ones too. */
export async function earnedByOwner(db: Db | Tx, owner: string): Promise<Earned> {
  const [row] = await db.execute<Sums>(
    sql`select ${SUMS} from ${earnings({ machines: sql`owner = ${owner}` })} earned`,
  );
  return ofText(row ?? { cash: "0", promotion: "0" });
}

/** Days on which something was booked, newest first. @param span from that day on and before that one; null: without that end */
export async function earnedByDay(
  db: Db | Tx,
  id: ProviderId,
  span: { readonly from: string | null; readonly before: string | null; readonly limit: number },
): Promise<DayEarned[]> {
  const days = sql`day >= ${span.from ?? ""} and (${span.before}::text is null or day < ${span.before})`;
  const rows = await db.execute<Sums & { readonly day: string }>(sql`
    select day, ${SUMS} from ${earnings({ machines: sql`id = ${id}`, days })} earned
    group by day order by day desc limit ${span.limit}`);
  return rows.map(({ day, ...sums }) => ({ day, ...ofText(sums) }));
}

/**
 * Sums the next entries, at most so many, of postings before a moment. Entries get their numbers in order and are seen when
 * their transaction ends: one that was open from before that moment until now would be passed over.
 * @returns how many entries it went on; 0 where there is nothing to sum
 */
export async function sumEarnings(tx: Tx, before: Date, most: number): Promise<number> {
  await tx.insert(earningsSummed).values({ one: 1, upto: 0 }).onConflictDoNothing();
  const [mark] = await tx.select().from(earningsSummed).for("update");
  const from = mark?.upto ?? 0;
  const [next] = await tx.execute<{ upto: string | null; entries: number }>(sql`
    select max(id)::text as upto, count(*)::int as entries from (
      select e.id, p.at from entries e join postings p on p.id = e.posting_id
      where e.id > ${from} order by e.id limit ${most}) following
    where at < ${before.toISOString()}::timestamptz`);
  if (!next?.upto) return 0;
  await tx.execute(sql`
    insert into ${providerEarnings} (provider_id, day, cash, promotion)
    ${sharesOf(sql`e.id > ${from} and e.id <= ${next.upto}::bigint`)}
    on conflict (provider_id, day) do update set
      cash = ${providerEarnings.cash} + excluded.cash, promotion = ${providerEarnings.promotion} + excluded.promotion`);
  await tx.update(earningsSummed).set({ upto: Number(next.upto) });
  return next.entries;
}
