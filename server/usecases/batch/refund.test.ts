// Money of results that are taken back, on a real PostgreSQL with a played fleet: who gets what back, and who bears it.
import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId, ProviderId } from "../../../domain/ids.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import { batchExecutions } from "../../../drizzle/schema/batch.ts";
import { events } from "../../../drizzle/schema/event.ts";
import { earnedBy } from "../../repos/earnings.ts";
import { balanceOf } from "../../repos/ledger.ts";
import { type Fleet, type LiveRun, openFleet } from "../../testing/batch-world.ts";
import { NO_CHECKS } from "../../testing/settings.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { getBilling } from "../billing/get-billing.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { findBatch, listExecutions } from "./get-batch.ts";
import { sweepBatch } from "./sweep-batch.ts";
import { takeResults } from "./take-results.ts";

/** None of these jobs may be run as a canary. */
const AN_AUDIT = () => 0.01;

const LONG = { runMs: 100_000 };

let world: World;
let fleet: Fleet;
let alice: Principal;

beforeEach(async () => {
  world = await openWorld();
  fleet = await openFleet(world, 8, { cpuCores: 32 });
  alice = await world.customer(1, 10_000_000_000n);
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

/** Gives out and answers until nothing is given out any more. */
async function play(say: (run: LiveRun) => string = () => "right") {
  await fleet.only(...fleet.machines);
  for (let round = 0; round < 40 && (await dispatchBatch(world.deps)) > 0; round++) {
    world.pass(1_000);
    for (const run of await fleet.live()) await fleet.deliver(run, { stdout: say(run) });
  }
}

const liars = (): [ProviderId, ProviderId] => {
  const [a, b] = fleet.machines;
  if (!a || !b) throw new Error("a fleet has machines");
  return [a, b];
};

/** A job on these machines, decided. */
async function decidedOn(
  ids: readonly ProviderId[],
  say: string,
  { network = false, follows = NO_CHECKS }: { readonly network?: boolean; readonly follows?: () => number } = {},
): Promise<JobId> {
  await fleet.only(...ids);
  const id = await fleet.submit(alice, { network });
  await dispatchBatch(world.deps);
  world.pass(100_000);
  for (const run of await fleet.live(id)) {
    const deps = { ...world.deps, random: follows };
    await takeResults(deps, run.providerId, [fleet.report(run, { stdout: say, ...LONG })]);
  }
  return id;
}

const toldOf = async (id: JobId) => {
  const rows = await world.db.select().from(events).where(eq(events.subject, id)).orderBy(events.id);
  return rows.map(({ code, message }) => ({ code, message }));
};
const earnedOf = async (id: ProviderId) => (await earnedBy(world.db, [id])).get(id) ?? { cash: 0n, promotion: 0n };
const paidFor = async (id: JobId) =>
  world.db.select().from(batchExecutions).where(eq(batchExecutions.jobId, id)).orderBy(batchExecutions.number);
const verification = async () => {
  const [row] = await world.db.execute<{ sum: string }>(sql`
    select coalesce(sum(e.amount), 0)::text as sum from entries e join postings p on p.id = e.posting_id
    where e.book = 'platform' and e.owner = 'verification' and p.kind = 'refund'`);
  return BigInt(row?.sum ?? 0);
};

/** So much of its owner's earnings leaves the ledger. */
async function payOut(id: ProviderId, amount: bigint) {
  await world.db.execute(sql`
    with paid as (insert into postings (id, kind, job_id, description, at)
      values ('post_paidout', 'charge', null, 'paid out', now()) returning id)
    insert into entries (posting_id, book, owner, funds, amount)
    select paid.id, book, owner, 'promotion', amount from paid, (values
      ('earned', (select owner from providers where id = ${id}), ${(-amount).toString()}::bigint),
      ('platform', 'promotion', ${amount.toString()}::bigint)) as e(book, owner, amount)`);
}
/** What the owner has that has the least. */
async function leastEarned() {
  const [row] = await world.db.execute<{ least: string }>(sql`
    select min(sum)::text as least from (select sum(amount) as sum from entries where book = 'earned' group by owner, funds) s`);
  return BigInt(row?.least ?? 0);
}

test("what was paid for a wrong result goes back to its customer, in the funds it was paid with, and is taken from who was caught", async () => {
  const before = await balanceOf(world.db, alice.account);
  const pair = liars();
  const id = await decidedOn(pair, "wrong", { follows: AN_AUDIT });
  const paid = await balanceOf(world.db, alice.account);
  expect(before.available - paid.available).toBeGreaterThan(0n);
  for (const liar of pair) expect((await earnedOf(liar)).promotion).toBeGreaterThan(0n);

  await play();
  const after = await balanceOf(world.db, alice.account);
  expect(after).toEqual(before);
  for (const liar of pair) expect(await earnedOf(liar)).toEqual({ cash: 0n, promotion: 0n });
  expect(await verification()).toBe(0n);
  const view = await findBatch(world.deps, alice, id);
  expect(view).toMatchObject({ cost_so_far: "0.000000" });
  expect(Number(view?.refunded)).toBeGreaterThan(0);
  const { executions } = await listExecutions(world.deps, alice, id);
  for (const { paid_by: by } of executions) expect(by).toBe("refunded");
  const recalled = (await toldOf(id)).filter(({ code }) => code === "recalled");
  expect(recalled).toHaveLength(1);
  expect(recalled[0]?.message).toContain(`$${view?.refunded}, all that you paid for it, is given back.`);
  const { entries } = await getBilling(world.deps, alice, {});
  const refunds = entries.filter(({ kind }) => kind === "refund");
  expect(refunds).toMatchObject([{ book: "available", funds: "promotion", amount: view?.refunded, job_id: id }]);
});

test("a fee that was changed meanwhile changes nothing of what was taken: all of it goes back, and nobody gains or bears", async () => {
  const fees = async () => {
    const [row] = await world.db.execute<{ sum: string; gained: string }>(sql`
      select coalesce(sum(e.amount), 0)::text as sum, coalesce(sum(e.amount) filter (where p.kind = 'charge'), 0)::text as gained
      from entries e join postings p on p.id = e.posting_id
      where e.book = 'platform' and e.owner = 'fees' and p.job_id = ${wrong}`);
    return { left: BigInt(row?.sum ?? 0), gained: BigInt(row?.gained ?? 0) };
  };
  const pair = liars();
  const wrong = await decidedOn(pair, "wrong", { follows: AN_AUDIT });
  expect((await fees()).left).toBeGreaterThan(0n);
  Object.assign(world.deps, { settings: { ...world.deps.settings, platformFeeBps: 2_500 } });
  await play();
  const { left, gained } = await fees();
  expect(left).toBe(0n);
  expect(gained).toBeGreaterThan(0n);
  for (const liar of pair) expect(await earnedOf(liar)).toEqual({ cash: 0n, promotion: 0n });
  expect(await verification()).toBe(0n);
});

test("a refund is given once, however often the recall is worked off", async () => {
  const before = await balanceOf(world.db, alice.account);
  const pair = liars();
  const jobs = [await decidedOn(pair, "wrong too"), await decidedOn(pair, "wrong", { follows: AN_AUDIT })];
  await play();
  for (let times = 0; times < 3; times++) {
    await sweepBatch(world.deps);
    await play();
    world.pass(11_000);
  }
  expect((await balanceOf(world.db, alice.account)).available).toBe(before.available);
  const [count] = await world.db.execute(sql`select count(*)::int as n from postings where kind = 'refund'`);
  expect(count).toEqual({ n: jobs.length });
});

test("a job that uses the network is given back wholly: from the machine that was caught, and by verification for the other", async () => {
  const [liar, other] = liars();
  const honest = fleet.machines[2] ?? other;
  const id = await decidedOn([liar, honest], "who knows", { network: true });
  const kept = await earnedOf(honest);
  const before = await earnedOf(liar);
  expect(kept.promotion).toBeGreaterThan(0n);
  await decidedOn([liar, other], "wrong", { follows: AN_AUDIT });
  await play();
  for (let times = 0; times < 2; times++) await sweepBatch(world.deps);
  const view = await findBatch(world.deps, alice, id);
  expect(view).toMatchObject({ cost_so_far: "0.000000", verdict: { recheck: null } });
  expect(Number(view?.refunded)).toBeGreaterThan(0);
  expect((await toldOf(id)).map(({ code }) => code).slice(-2)).toEqual(["recalled", "refunded"]);
  expect((await earnedOf(honest)).promotion).toBeGreaterThanOrEqual(kept.promotion);
  expect(before.promotion).toBeGreaterThan(0n);
  expect(await earnedOf(liar)).toEqual({ cash: 0n, promotion: 0n });
  expect(await verification()).toBe(-kept.promotion);
});

test("where those who verify again agree on nothing, all of it is given back", async () => {
  const pair = liars();
  const earlier = await decidedOn(pair, "wrong too");
  await decidedOn(pair, "wrong", { follows: AN_AUDIT });
  await play();
  await sweepBatch(world.deps);
  await play(({ id }) => `never the same: ${id}`);
  world.pass(3_700_000);
  await sweepBatch(world.deps);
  const view = await findBatch(world.deps, alice, earlier);
  expect(view).toMatchObject({ cost_so_far: "0.000000" });
  expect(view?.verdict?.recalled_at).not.toBeNull();
  const told = (await toldOf(earlier)).at(-1);
  expect(told?.code).toBe("recheck-undecided");
  expect(told?.message).toContain(`$${view?.refunded}, all that you paid for it, is given back.`);
});

test("who was right stays paid, and so does the customer's job that stands again", async () => {
  const [liar, other] = liars();
  const honest = fleet.machines[2] ?? other;
  const right = await decidedOn([liar, honest], "right");
  const cost = (await findBatch(world.deps, alice, right))?.cost_so_far;
  await decidedOn([liar, other], "wrong", { follows: AN_AUDIT });
  await play();
  await sweepBatch(world.deps);
  await play();
  const view = await findBatch(world.deps, alice, right);
  expect(view).toMatchObject({ cost_so_far: cost, refunded: "0.000000", verdict: { recalled_at: null } });
  for (const { paidBy } of await paidFor(right)) expect(paidBy).toBe("customer");
});

test("what a caught owner has been paid out already is borne by verification, and nobody earns less than nothing", async () => {
  const pair = liars();
  await decidedOn(pair, "wrong", { follows: AN_AUDIT });
  const [gone] = pair;
  const had = (await earnedOf(gone)).promotion;
  await payOut(gone, had);
  await play();
  expect(await verification()).toBe(-had);
  expect(await leastEarned()).toBe(0n);
});

test("refunds of several jobs at once together take no more from an owner than it has left", async () => {
  const [liar, other] = liars();
  const honest = fleet.machines[2] ?? other;
  const jobs = [
    await decidedOn([liar, honest], "who knows", { network: true }),
    await decidedOn([liar, honest], "who knows", { network: true }),
  ];
  await decidedOn([liar, other], "wrong", { follows: AN_AUDIT });
  await play();
  // Of what it got for these two it has half a run left when they are taken back.
  const had = (await earnedOf(liar)).promotion;
  const [run] = await paidFor(jobs[0] ?? "job_");
  await payOut(liar, had - (run?.paid ?? 0n) / 2n);
  for (let times = 0; times < 2; times++) await sweepBatch(world.deps);
  for (const id of jobs) expect(await findBatch(world.deps, alice, id)).toMatchObject({ cost_so_far: "0.000000" });
  expect(await leastEarned()).toBe(0n);
});

test("where some of what was paid was for no wrong result, that stays paid, and the customer is told which part is not", async () => {
  const [liar, other] = liars();
  const honest = fleet.machines[2] ?? other;
  await fleet.only(liar, other, honest);
  const id = await fleet.submit(alice, { dispatch: "eager" });
  await dispatchBatch(world.deps);
  await world.db.execute(sql`
    update batch_executions set status = 'running', started_at = created_at where job_id = ${id}`);
  world.pass(100_000);
  for (const run of await fleet.live(id)) {
    if (run.providerId === honest) continue;
    const deps = { ...world.deps, random: AN_AUDIT };
    await takeResults(deps, run.providerId, [fleet.report(run, { stdout: "wrong", ...LONG })]);
  }
  const stopped = (await paidFor(id)).find(({ providerId }) => providerId === honest);
  expect(stopped).toMatchObject({ status: "stopped", runMs: 100_000, paidBy: "customer" });
  expect(stopped?.paid).toBeGreaterThan(0n);
  await play();
  const view = await findBatch(world.deps, alice, id);
  expect(view?.cost_so_far).toBe(formatMicros(stopped?.paid ?? 0n));
  const told = (await toldOf(id)).at(-1);
  expect(told?.message).toContain(`$${view?.refunded}, what you paid for the wrong results, is given back.`);
  for (const { providerId, paidBy } of await paidFor(id))
    if (providerId === liar || providerId === other || providerId === honest)
      expect(paidBy).toBe(providerId === honest ? "customer" : "refunded");
});
