// What must be true of any database of ours at any time, whatever was killed a moment ago.
import { sql } from "drizzle-orm";
import type { Db } from "../deps.ts";

/** @returns every law that is broken, with what breaks it; empty where the books and the machines are sound */
export async function expectSound(db: Db): Promise<string[]> {
  const faults: string[] = [];
  const check = async (name: string, query: ReturnType<typeof sql>) => {
    const rows = await db.execute(query);
    if (rows.length > 0) faults.push(`${name}: ${JSON.stringify(rows.slice(0, 3))}`);
  };
  await check(
    "the ledger sums to zero",
    sql`select funds, sum(amount) from entries group by funds having sum(amount) <> 0`,
  );
  await check(
    "balances are the sums of their entries",
    sql`select a.address from accounts a left join lateral (
        select coalesce(sum(amount) filter (where book = 'available' and funds = 'cash'), 0) as ac,
               coalesce(sum(amount) filter (where book = 'available' and funds = 'promotion'), 0) as ap,
               coalesce(sum(amount) filter (where book = 'held' and funds = 'cash'), 0) as hc,
               coalesce(sum(amount) filter (where book = 'held' and funds = 'promotion'), 0) as hp
        from entries where owner = a.address) s on true
      where (a.available_cash, a.available_promotion, a.held_cash, a.held_promotion) <> (s.ac, s.ap, s.hc, s.hp)`,
  );
  await check(
    "what is held is held for jobs that have no end",
    sql`select a.address from accounts a left join lateral (
        select coalesce(sum(held_cash + held_promotion), 0) as held from holds where account = a.address) h on true
      where a.held_cash + a.held_promotion <> h.held`,
  );
  await check(
    "no settled job holds money",
    sql`select j.id from jobs j join holds h on h.job_id = j.id where j.settled_at is not null and h.held_cash + h.held_promotion <> 0`,
  );
  await check(
    "GPUs are held by live executions of their provider only",
    sql`select g.id from gpus g left join executions e on e.id = g.execution_id
      where g.execution_id is not null and (e.id is null or e.provider_id <> g.provider_id
        or e.status not in ('scheduled','starting','running','unreachable','stopping'))`,
  );
  await check(
    "a live execution holds what its job asked for",
    sql`select e.id from executions e join jobs j on j.id = e.job_id
      where e.status in ('scheduled','starting','running','unreachable','stopping')
        and (select count(*) from gpus g where g.execution_id = e.id) <> j.gpu_count`,
  );
  await check(
    "offers say what is free",
    sql`select o.provider_id from offers o where o.gpu_model <> '' and o.free_gpus <>
      (select count(*) from gpus g where g.provider_id = o.provider_id and g.model = o.gpu_model and g.execution_id is null and g.present)`,
  );
  await check(
    "a live execution is looked at again",
    sql`select id from executions where settled = false and next_reconcile_at is null`,
  );
  return faults;
}
