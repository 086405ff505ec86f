// What must be true of any database of ours at any time, whatever was killed a moment ago.
import { type SQL, sql } from "drizzle-orm";
import { DEMO_ANONYMOUS_ACCOUNT } from "../../domain/demo.ts";
import type { Db } from "../deps.ts";

/** Each law with a query of what breaks it. */
const LAWS: readonly (readonly [name: string, broken: SQL])[] = [
  ["the ledger sums to zero", sql`select funds, sum(amount) from entries group by funds having sum(amount) <> 0`],
  [
    "what machines earned is summed from the ledger, all of it and once",
    sql`select s.upto from earnings_summed s
      where (select coalesce(sum(cash + promotion), 0) from provider_earnings)
        <> (select coalesce(sum(e.amount), 0) from entries e join postings p on p.id = e.posting_id
          where e.book = 'earned' and p.job_id is not null and e.id <= s.upto)`,
  ],
  [
    "balances are the sums of their entries",
    sql`select a.address from accounts a left join lateral (
        select coalesce(sum(amount) filter (where book = 'available' and funds = 'cash'), 0) as ac,
               coalesce(sum(amount) filter (where book = 'available' and funds = 'promotion'), 0) as ap,
               coalesce(sum(amount) filter (where book = 'held' and funds = 'cash'), 0) as hc,
               coalesce(sum(amount) filter (where book = 'held' and funds = 'promotion'), 0) as hp
        from entries where owner = a.address) s on true
      where (a.available_cash, a.available_promotion, a.held_cash, a.held_promotion) <> (s.ac, s.ap, s.hc, s.hp)`,
  ],
  [
    "what is held is held for jobs that have no end",
    sql`select a.address from accounts a left join lateral (
        select coalesce(sum(held_cash + held_promotion), 0) as held from (
          select account, held_cash, held_promotion from holds
          union all select account, held_cash, held_promotion from batch_jobs) both_kinds
        where account = a.address) h on true
      where a.held_cash + a.held_promotion <> h.held`,
  ],
  [
    "what is held for a job is what the ledger holds for it",
    sql`select h.job_id from (
        select job_id, held_cash + held_promotion as held from holds
        union all select id, held_cash + held_promotion from batch_jobs) h
      where h.held <> (select coalesce(sum(e.amount), 0) from entries e join postings p on p.id = e.posting_id
        where p.job_id = h.job_id and e.book = 'held')`,
  ],
  [
    "no settled job holds money",
    sql`select j.id from jobs j join holds h on h.job_id = j.id where j.settled_at is not null and h.held_cash + h.held_promotion <> 0`,
  ],
  [
    "GPUs are held by live executions of their provider only",
    sql`select g.id from gpus g left join holdings h on h.execution_id = g.execution_id
      where g.execution_id is not null and h.provider_id is distinct from g.provider_id`,
  ],
  [
    "a live execution holds what its job asked for",
    sql`select e.id from executions e join jobs j on j.id = e.job_id
      where e.status in ('scheduled','starting','running','unreachable','stopping')
        and (select count(*) from gpus g where g.execution_id = e.id) <> j.gpu_count
      union all
      select e.id from batch_executions e join batch_jobs j on j.id = e.job_id
      where e.status in ('scheduled','running')
        and (select count(*) from gpus g where g.execution_id = e.id) <> j.gpu_count`,
  ],
  [
    "no machine gives more than it has",
    sql`select p.id from providers p join holdings h on h.provider_id = p.id group by p.id
      having sum(h.cpu_cores) > p.cpu_cores or sum(h.memory_gb) > p.memory_gb or sum(h.disk_gb) > p.disk_gb`,
  ],
  [
    "what was taken for a batch job is what its executions cost the customer",
    sql`select j.id from batch_jobs j where j.taken_cash + j.taken_promotion <> (
      select coalesce(sum(paid), 0) from batch_executions e where e.job_id = j.id and e.paid_by = 'customer')`,
  ],
  [
    "what a batch job's customer got back is what those executions cost",
    sql`select j.id from batch_jobs j where (
        select coalesce(sum(paid), 0) from batch_executions e where e.job_id = j.id and e.paid_by = 'refunded') <> (
        select coalesce(sum(e.amount), 0) from entries e join postings p on p.id = e.posting_id
        where p.job_id = j.id and p.kind = 'refund' and e.book = 'available' and e.owner = j.account)`,
  ],
  [
    "a decided batch job holds no money, wants nothing and has nothing that lives",
    sql`select j.id from batch_jobs j where j.decided_at is not null and (j.held_cash + j.held_promotion <> 0
      or j.copies_wanted <> 0 or j.verdict is null
      or (j.next_look_at is not null and (j.verdict->>'recalledAt' is null or j.verdict->>'recheck' is not null))
      or exists (select 1 from batch_executions e where e.job_id = j.id and e.status in ('scheduled','running')))`,
  ],
  [
    "a batch job's status, verdict, result and queue say the same",
    sql`select j.id from batch_jobs j where (j.decided_at is not null) <> (j.status in ('completed','failed','cancelled'))
      or (j.decided_at is not null) <> (j.verdict is not null)
      or (j.copies_wanted > 0) <> (j.waiting_since is not null)
      or (j.result_execution_id is not null and j.status <> 'completed')
      or (j.purpose <> 'customer' and j.held_cash + j.held_promotion + j.taken_cash + j.taken_promotion <> 0)`,
  ],
  [
    "an open batch job waits for something",
    sql`select j.id from batch_jobs j where j.decided_at is null and (j.next_look_at is null or (j.copies_wanted = 0
      and not exists (select 1 from batch_executions e where e.job_id = j.id and e.status in ('scheduled','running'))))`,
  ],
  [
    "offers say what is free",
    sql`select o.provider_id from offers o where o.gpu_model <> '' and o.free_gpus <>
      (select count(*) from gpus g where g.provider_id = o.provider_id and g.model = o.gpu_model and g.execution_id is null and g.present)
      union all
      select o.provider_id from offers o join providers p on p.id = o.provider_id
      where o.free_cpu_cores <> greatest(0, p.cpu_cores - (
        select coalesce(sum(h.cpu_cores), 0) from holdings h where h.provider_id = p.id))`,
  ],
  [
    "a live execution is looked at again",
    sql`select id from executions where settled = false and next_reconcile_at is null`,
  ],
  [
    "no panel has two of one owner, and nobody runs their own job",
    sql`select e.job_id from batch_executions e join providers p on p.id = e.provider_id
      where p.owner <> ${DEMO_ANONYMOUS_ACCOUNT} group by e.job_id, p.owner having count(*) > 1
      union all
      select e.job_id from batch_executions e join providers p on p.id = e.provider_id
      join batch_jobs j on j.id = e.job_id and j.account = p.owner where p.owner <> ${DEMO_ANONYMOUS_ACCOUNT}`,
  ],
  [
    "nobody is asked to check what they ran",
    sql`select e.id from batch_executions e join batch_jobs j on j.id = e.job_id
      join batch_executions o on o.job_id = j.about and o.owner_group = e.owner_group`,
  ],
  [
    "a batch job costs at most what was set aside for it",
    sql`select j.id from batch_jobs j where j.purpose = 'customer'
      and j.taken_cash + j.taken_promotion + j.held_cash + j.held_promotion > j.rate * j.timeout_seconds * j.redundancy / 3600`,
  ],
  [
    "what the broker paid for a batch job is what its executions cost the broker",
    sql`select j.id from batch_jobs j where (
        select coalesce(sum(paid), 0) from batch_executions e where e.job_id = j.id and e.paid_by = 'verification')
      <> (select coalesce(-sum(e.amount), 0) from entries e join postings p on p.id = e.posting_id
        where p.job_id = j.id and p.kind = 'charge' and e.book = 'platform' and e.owner = 'verification')`,
  ],
  [
    "a batch execution has one end, with its cause",
    sql`select e.id from batch_executions e where (e.status in ('scheduled','running')) <> (e.ended_at is null)
      or (e.status in ('scheduled','running','succeeded')) <> (e.end_cause is null)
      or (e.status = 'stopped') <> (e.end_cause is not distinct from 'cancelled')
      or (e.status = 'lost' and e.end_cause not in ('provider-silent','suspended','infrastructure'))
      or (e.status = 'succeeded' and e.digest is null)`,
  ],
  [
    "who disagreed is not paid, unless that was found out afterwards",
    sql`select e.id from batch_executions e join batch_jobs j on j.id = e.job_id
      where e.status = 'succeeded' and e.vote = 'disagreed' and e.paid > 0 and not exists (
        select 1 from batch_jobs r where r.purpose = 'recheck' and r.about = coalesce(j.about, j.id)
          and r.verdict->>'kind' = 'accepted')`,
  ],
  [
    "what is accepted rests on as many owners as have to agree",
    sql`select j.id from batch_jobs j where j.purpose = 'customer' and j.verdict->>'kind' = 'accepted'
      and j.verdict->>'recalledAt' is null and (
        (select count(distinct e.owner_group) from batch_executions e
          where e.job_id = j.id and e.status = 'succeeded' and e.vote = 'agreed')
        < case when j.assurance = 'high' then greatest(3, j.consensus) else j.consensus end
        or not exists (select 1 from batch_executions e where e.id = j.result_execution_id and e.job_id = j.id
          and e.status = 'succeeded' and e.vote = 'agreed'))`,
  ],
  [
    "nobody's score changes twice for one reason and one job",
    sql`select provider_id, job_id from reputation_events where job_id is not null
      group by provider_id, job_id, reason having count(*) > 1`,
  ],
];

/** @returns every law that is broken, with what breaks it; empty where the books and the machines are sound */
export async function expectSound(db: Db): Promise<string[]> {
  const looks = LAWS.map(
    ([name, broken]) => sql`select ${name}::text as law, (
      select json_agg(b)::text from (select * from (${broken}) all_of_them limit 3) b) as "brokenBy"`,
  );
  const rows = await db.execute<{ law: string; brokenBy: string | null }>(sql.join(looks, sql` union all `));
  return rows.flatMap(({ law, brokenBy }) => (brokenBy === null ? [] : [`${law}: ${brokenBy}`]));
}
