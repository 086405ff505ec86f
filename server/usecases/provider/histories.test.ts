// Random histories of providers over a real PostgreSQL: whoever decides what in whatever order, also two at once.
import { sql } from "drizzle-orm";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Principal, walletPrincipal } from "../../../domain/account/principal.ts";
import { isAppError } from "../../../domain/errors.ts";
import type { ExecutionId, JobId, MaintenanceId, ProviderId } from "../../../domain/ids.ts";
import { driftedProviders } from "../../repos/offers.ts";
import { DAY, HOUR, type LifeWorld, lifeWorld, MINUTE, OPERATOR } from "../../testing/life.ts";
import { expectSound } from "../../testing/sound.ts";
import { address } from "../../testing/world.ts";
import { reconcileExecution } from "../execution/reconcile-execution.ts";
import { sweepDueExecutions } from "../execution/sweep-executions.ts";
import { extendJob } from "../job/extend-job.ts";
import { stopJob } from "../job/stop-job.ts";
import { announceMaintenance, cancelMaintenance } from "./announce-maintenance.ts";
import { appealReputation, decideAppeal } from "./appeal-reputation.ts";
import { changePrice } from "./change-price.ts";
import { approveProvider, rejectProvider, suspendProvider } from "./decide-admission.ts";
import { drainProvider } from "./drain-provider.ts";
import { removeProvider } from "./remove-provider.ts";
import { sweepMaintenance } from "./sweep-maintenance.ts";
import { sweepSilentProviders } from "./sweep-silent-providers.ts";

let world: LifeWorld;
beforeAll(async () => {
  world = await lifeWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const OWNERS = [walletPrincipal(address(501)), walletPrincipal(address(502))] as const;
const which = fc.nat(2);
const pick = fc.nat(1000);

/** What people and machines do. None of it lets time pass, so that two may do it at once. */
const deed = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant("rent" as const),
      who: fc.nat(1),
      gpus: fc.nat(2),
      hours: fc.constantFrom(1, 2, 20, 30),
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("approve" as const), which }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("reject" as const), which }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("suspend" as const), which }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("drain" as const), which }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("resume" as const), which }) },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant("announce" as const),
      which,
      from: fc.integer({ min: 23, max: 30 }),
      hours: fc.nat(5),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("cancel" as const), pick }) },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constant("price" as const), which, price: fc.integer({ min: 1, max: 900_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("remove" as const), which }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("appeal" as const), pick }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("answer" as const), pick, granted: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("stop" as const), pick }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("extend" as const), pick }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("back" as const), which }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("ring" as const), pick }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("sweep" as const) }) },
);
const step = fc.oneof(
  { weight: 8, arbitrary: deed },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("both" as const), one: deed, other: deed }) },
  {
    weight: 4,
    arbitrary: fc.record({ act: fc.constant("silence" as const), which, ms: fc.constantFrom(130_000, HOUR, 2 * HOUR) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant("listen" as const),
      ms: fc.constantFrom(1_000, MINUTE, HOUR, 5 * HOUR, DAY),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("away" as const), ms: fc.constantFrom(3 * MINUTE, DAY) }) },
);
type Deed = typeof deed extends fc.Arbitrary<infer D> ? D : never;
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface Cast {
  readonly providers: readonly ProviderId[];
  readonly renters: readonly Principal[];
  readonly silent: Set<ProviderId>;
  /** false while two act at once */
  alone: boolean;
}

test("over random histories every law of a provider's life holds after every step", async () => {
  const happened = { rented: 0, offline: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 35 }), async (steps) => {
      await world.empty();
      const cast: Cast = {
        providers: [
          await world.provider({ owner: OWNERS[0].account, gpus: 2 }),
          await world.provider({ owner: OWNERS[1].account, gpus: 1 }),
          await world.provider({ owner: OWNERS[1].account, gpus: 2, perGpuHour: 100_000n }),
        ],
        renters: [await world.customer(1, 900_000_000n), await world.customer(2, 20_000_000n)],
        silent: new Set(),
        alone: true,
      };
      await world.listen(1_000, cast.providers);
      for (const each of steps) {
        await take(cast, each);
        await lawsHold();
      }
      await wind(cast);
      const [count] = await world.db.execute<typeof happened>(sql`select
        (select count(*) from jobs)::int as rented,
        (select count(*) from events where code = 'provider-offline')::int as offline`);
      happened.rented += count?.rented ?? 0;
      happened.offline += count?.offline ?? 0;
    }),
    { numRuns: 20 },
  );
  expect(Math.min(happened.rented, happened.offline)).toBeGreaterThan(0);
}, 600_000);

async function take(cast: Cast, each: Step): Promise<void> {
  const heard = cast.providers.filter((id) => !cast.silent.has(id));
  switch (each.act) {
    case "both":
      cast.alone = false;
      await Promise.all([act(cast, each.one), act(cast, each.other)]);
      cast.alone = true;
      return;
    case "silence": {
      const id = cast.providers[each.which];
      if (id) cast.silent.add(id);
      await world.listen(
        each.ms,
        heard.filter((other) => other !== id),
      );
      await sweepSilentProviders(world.deps);
      return;
    }
    case "listen":
      return world.listen(each.ms, heard);
    case "away":
      return world.skip(each.ms, heard);
    default:
      return act(cast, each);
  }
}

/** One deed; being refused is fine, failing is not. */
async function act(cast: Cast, each: Deed): Promise<void> {
  try {
    await does(cast, each);
  } catch (error) {
    if (!isAppError(error) || error.code === "internal") throw error;
  }
}

async function does(cast: Cast, each: Deed): Promise<void> {
  const { deps, db } = world;
  const id = "which" in each ? cast.providers[each.which] : undefined;
  const owner = OWNERS[id === cast.providers[0] ? 0 : 1];
  switch (each.act) {
    case "rent":
      return rent(cast, each);
    case "sweep":
      await sweepMaintenance(deps);
      await sweepSilentProviders(deps);
      await sweepDueExecutions(deps);
      await world.settleRings();
      return;
    case "cancel": {
      const window = await nth<{ id: MaintenanceId; provider_id: ProviderId }>(
        sql`select id, provider_id from maintenance_windows order by id`,
        each.pick,
      );
      if (window) await cancelMaintenance(deps, OPERATOR, window.provider_id, window.id);
      return;
    }
    case "appeal": {
      const loss = await nth<{ id: string; provider_id: ProviderId; owner: string }>(
        sql`select r.id, provider_id, owner from reputation_events r join providers p on p.id = provider_id order by r.id`,
        each.pick,
      );
      const plea = { reputation_event_id: Number(loss?.id), text: "please" };
      if (loss) await appealReputation(deps, walletPrincipal(loss.owner), loss.provider_id, plea);
      return;
    }
    case "answer": {
      const appeal = await nth<{ id: string }>(sql`select id from appeals order by id`, each.pick);
      if (appeal) await decideAppeal(deps, OPERATOR, Number(appeal.id), { granted: each.granted, reply: "so" });
      return;
    }
    case "stop":
    case "extend":
    case "ring": {
      const job = await nth<{ id: JobId; account: string; execution_id: ExecutionId }>(
        sql`select id, account, execution_id from jobs order by id`,
        each.pick,
      );
      if (!job) return;
      if (each.act === "ring") return reconcileExecution(deps, job.execution_id);
      const renter = walletPrincipal(job.account);
      await (each.act === "stop" ? stopJob(deps, renter, job.id) : extendJob(deps, renter, job.id, 3, null));
      return;
    }
  }
  if (!id) return;
  switch (each.act) {
    case "approve":
      return approveProvider(deps, OPERATOR, id);
    case "reject":
      return rejectProvider(deps, OPERATOR, id, "no");
    case "suspend":
      return suspendProvider(deps, OPERATOR, id, "enough");
    case "drain":
    case "resume":
      return drainProvider(deps, owner, id, each.act === "drain");
    case "price":
      return changePrice(deps, owner, id, { price_per_gpu_hour: BigInt(each.price), price_per_cpu_hour: 1n });
    case "remove":
      return removeProvider(deps, owner, id);
    case "announce": {
      const at = (hours: number) => new Date(deps.clock.now().getTime() + hours * HOUR).toISOString();
      const wish = { starts_at: at(each.from), ends_at: at(each.from + each.hours), reason: "work" };
      await announceMaintenance(deps, owner, id, wish, null);
      return;
    }
    case "back":
      cast.silent.delete(id);
      return world.back(id);
  }
  async function nth<T extends Record<string, unknown>>(query: ReturnType<typeof sql>, n: number) {
    const rows = await db.execute<T>(query);
    return rows[n % Math.max(1, rows.length)];
  }
}

/** Whoever is rented from was admitted, heard, not draining, and is free of maintenance until the end. */
async function rent(cast: Cast, { who, gpus, hours }: { who: number; gpus: number; hours: number }): Promise<void> {
  const renter = cast.renters[who];
  if (!renter) return;
  const before = await world.db.execute<{ id: ProviderId; free: boolean }>(sql`
    select p.id, p.admission = 'approved' and p.presence = 'online' and p.drain = 'none' and not exists (
      select 1 from maintenance_windows w where w.provider_id = p.id and w.closed_at is null
        and w.starts_at < ${new Date(world.deps.clock.now().getTime() + hours * HOUR).toISOString()}::timestamptz) as free
    from providers p`);
  const { executionId } = await world.rent(renter, { gpuCount: gpus, hours, ...(gpus > 0 ? {} : { gpuModel: null }) });
  const { providerId } = await world.execution(executionId);
  const chosen = before.find(({ id }) => id === providerId);
  // With somebody else at work at the same time, what was free a moment ago says nothing about now.
  if (cast.alone) expect(chosen?.free).toBe(true);
}

async function lawsHold(): Promise<void> {
  expect(await expectSound(world.db)).toEqual([]);
  expect(await driftedProviders(world.db)).toEqual([]);
  const broken = async (query: ReturnType<typeof sql>) => expect([...(await world.db.execute(query))]).toEqual([]);
  // reputation is the sum of its ledger, within its bounds
  await broken(sql`select p.id, reputation, sum(r.delta) from providers p join reputation_events r on r.provider_id = p.id
    group by p.id having sum(r.delta) <> p.reputation or p.reputation not between 0 and 1000`);
  // each offline edge costs at most once, and none costs where it was not written
  await broken(sql`with edges as (
      select subject, at, lead(at, 1, 'infinity') over (partition by subject order by id) as next
      from events where code = 'provider-offline')
    select e.subject, e.at from edges e where (select count(*) from reputation_events r
      where r.provider_id = e.subject and r.reason = 'offline' and r.at >= e.at and r.at < e.next) > 1`);
  await broken(sql`select provider_id from reputation_events r where reason = 'offline' group by provider_id
    having count(*) > (select count(*) from events where subject = r.provider_id and code = 'provider-offline')`);
  // away means one open downtime, and here means none
  await broken(sql`select p.id from providers p where (p.admission <> 'removed' and p.presence = 'offline') <>
    exists (select 1 from downtimes d where d.provider_id = p.id and d.ended_at is null)`);
  await broken(sql`select id from downtimes where ended_at < started_at`);
  // edges alternate: nobody goes offline twice
  await broken(sql`select subject from (
      select subject, code, lag(code) over (partition by subject order by id) as before from events
      where code in ('provider-offline', 'provider-online', 'provider-joined')) e
    where code = before and code = 'provider-offline'`);
  // what is not admitted, heard or free offers nothing, and a removed machine holds nothing
  await broken(sql`select o.provider_id from offers o join providers p on p.id = o.provider_id
    where o.available and (p.admission <> 'approved' or p.presence <> 'online' or p.drain <> 'none')`);
  await broken(sql`select e.id from executions e join providers p on p.id = e.provider_id
    where p.admission = 'removed' and e.status in ('scheduled','starting','running','unreachable','stopping')`);
  // an appeal is answered once, and what was granted came back once
  await broken(sql`select p.id from providers p where (select count(*) from appeals a
      where a.provider_id = p.id and a.decision = 'granted') <> (select count(*) from reputation_events r
      where r.provider_id = p.id and r.reason = 'appeal-granted')`);
  // windows of one machine never overlap
  await broken(sql`select a.id from maintenance_windows a join maintenance_windows b on a.provider_id = b.provider_id
    and a.id < b.id and not a.cancelled and not b.cancelled and a.starts_at < b.ends_at and b.starts_at < a.ends_at`);
}

/** Time goes on: nothing runs where nothing may, no window stays open, and every penalty that is owed was taken. */
async function wind({ providers, silent }: Cast): Promise<void> {
  const heard = providers.filter((id) => !silent.has(id));
  for (let n = 0; n < 8; n++) {
    await world.listen(n < 4 ? 5 * MINUTE : 2 * DAY, heard);
    await sweepMaintenance(world.deps);
    await sweepSilentProviders(world.deps);
    await sweepDueExecutions(world.deps);
    await world.settleRings();
    await lawsHold();
  }
  const [left] = await world.db.execute(sql`select
    (select count(*) from executions e join providers p on p.id = e.provider_id where p.admission <> 'approved'
      and e.status in ('scheduled','starting','running','unreachable','stopping'))::int as running,
    (select count(*) from maintenance_windows where closed_at is null and ends_at <= ${world.deps.clock.now().toISOString()}::timestamptz)::int as windows,
    (select count(*) from providers where drain = 'maintenance' and admission <> 'removed' and not exists (
      select 1 from maintenance_windows w where w.provider_id = providers.id and w.closed_at is null))::int as stuck,
    (select count(*) from providers where presence = 'offline' and not offline_penalised and admission = 'approved')::int as owing`);
  expect(left).toEqual({ running: 0, windows: 0, stuck: 0, owing: 0 });
}
