// The broker's own checks on a real PostgreSQL with a played fleet: who is caught, what is taken back, and what customers see.
import { asc, eq, isNotNull, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Principal } from "../../../domain/account/principal.ts";
import { isId, type JobId, type ProviderId } from "../../../domain/ids.ts";
import { batchExecutions, batchJobs, providerEvidence } from "../../../drizzle/schema/batch.ts";
import { events } from "../../../drizzle/schema/event.ts";
import { providers } from "../../../drizzle/schema/provider.ts";
import { liftQuarantine } from "../../repos/batch-checks.ts";
import { listBatchRows } from "../../repos/batch-jobs.ts";
import { type Fleet, type LiveRun, openFleet } from "../../testing/batch-world.ts";
import { NO_CHECKS } from "../../testing/settings.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { approveProvider } from "../provider/decide-admission.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { findBatch, listExecutions } from "./get-batch.ts";
import { recallResults } from "./recall.ts";
import { sweepBatch } from "./sweep-batch.ts";
import { takeResults } from "./take-results.ts";

vi.setConfig({ testTimeout: 120_000 }); // some have a hundred jobs and more, and a busy machine takes its time for each

const A_CANARY = () => 0.05;
const AN_AUDIT = () => 0.11;

let world: World;
let fleet: Fleet;
let random = NO_CHECKS;
let alice: Principal;

beforeEach(async () => {
  world = await openWorld();
  random = NO_CHECKS;
  fleet = await openFleet({ ...world, deps: { ...world.deps, random: () => random() } }, 8, { cpuCores: 32 });
  alice = await world.customer(1, 10_000_000_000n);
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

const everybody = () => fleet.only(...fleet.machines);

/** Gives out and answers until nothing is given out any more. */
async function play(say: (run: LiveRun) => string | undefined = () => undefined) {
  for (let round = 0; round < 40 && (await dispatchBatch(world.deps)) > 0; round++) {
    world.pass(1_000);
    const runs = await fleet.live();
    for (const id of new Set(runs.map(({ providerId }) => providerId))) {
      const own = runs.filter(({ providerId }) => providerId === id);
      const reports = own.map((run) => fleet.report(run, { stdout: say(run) ?? "right" }));
      await takeResults({ ...world.deps, random }, id, reports);
    }
  }
}

const checks = (purpose: "canary" | "audit" | "recheck") =>
  world.db.select().from(batchJobs).where(eq(batchJobs.purpose, purpose)).orderBy(asc(batchJobs.id));
const quarantined = async () => {
  const rows = await world.db.select().from(providerEvidence).where(isNotNull(providerEvidence.quarantinedAt));
  return rows.map(({ providerId }) => providerId).sort();
};
const codesOf = async (subject: string) => {
  const rows = await world.db.select().from(events).where(eq(events.subject, subject)).orderBy(asc(events.id));
  return rows.map(({ code }) => code);
};
const pair = (): [ProviderId, ProviderId] => {
  const [a, b] = fleet.machines;
  if (!a || !b) throw new Error("a fleet has machines");
  return [a, b];
};
const honest = () => fleet.machines.slice(2);
/** In quarantine from now on, and all that it ever ran is to be looked through. */
async function caught(providerId: ProviderId): Promise<void> {
  const at = world.deps.clock.now();
  const quarantine = { quarantinedAt: at, recallAfter: "exec_0" as const };
  await world.db
    .insert(providerEvidence)
    .values({ providerId, at, ...quarantine })
    .onConflictDoUpdate({ target: providerEvidence.providerId, set: quarantine });
}

/** A job on these machines, decided. */
async function decidedOn(ids: readonly ProviderId[], say: string, follows: () => number): Promise<JobId> {
  await fleet.only(...ids);
  const id = await fleet.submit(alice, { reusable: true });
  await dispatchBatch(world.deps);
  world.pass(1_000);
  random = follows;
  for (const run of await fleet.live(id)) {
    const deps = { ...world.deps, random };
    await takeResults(deps, run.providerId, [fleet.report(run, { stdout: say })]);
  }
  random = NO_CHECKS;
  return id;
}

test("a canary catches a pair that agrees with one another, once three others confirm what was known", async () => {
  const liars = pair();
  const id = await decidedOn(honest().slice(0, 2), "right", A_CANARY);
  const [canary] = await checks("canary");
  expect(canary).toMatchObject({ about: id, redundancy: 2, consensus: 2, heldCash: 0n, heldPromotion: 0n });
  await fleet.only(...liars);
  await dispatchBatch(world.deps);
  for (const run of await fleet.live(canary?.id)) await fleet.deliver(run, { stdout: "colluded" });
  expect(await quarantined()).toEqual([]);
  await everybody();
  await play();
  expect(await checks("recheck")).toMatchObject([{ about: id, status: "completed", verdict: { votes: 3 } }]);
  expect(await quarantined()).toEqual([...liars].sort());
  for (const liar of liars) expect(await codesOf(liar)).toContain("quarantined");
  const view = await findBatch(world.deps, alice, id);
  expect(view?.verdict).toMatchObject({ kind: "accepted", recalled_at: null, recheck: null });
});

test("one that lies to a canary beside an honest one is caught at once", async () => {
  const [liar] = pair();
  await decidedOn(honest().slice(0, 2), "right", A_CANARY);
  await fleet.only(liar, ...honest().slice(2, 3));
  await play(({ providerId }) => (providerId === liar ? "wrong" : undefined));
  expect(await quarantined()).toEqual([liar]);
  expect(await checks("recheck")).toEqual([]);
});

test("an audit that contradicts leads to a recheck; what was wrong is taken back, its customer told, and all that rests on the pair verified again", async () => {
  const liars = pair();
  const earlier = await decidedOn(liars, "wrong too", NO_CHECKS);
  const kept = await decidedOn(honest().slice(0, 2), "right", NO_CHECKS);
  const id = await decidedOn(liars, "wrong", AN_AUDIT);
  expect(await checks("audit")).toMatchObject([{ about: id, redundancy: 1 }]);
  await everybody();
  await play();
  const [recheck] = await checks("recheck");
  expect(recheck).toMatchObject({ about: id, status: "completed", tied: true, assurance: "high" });
  const panel = await world.db
    .select()
    .from(batchExecutions)
    .where(eq(batchExecutions.jobId, recheck?.id ?? "job_"));
  const asked = new Set(
    (await world.db.select().from(batchExecutions)).flatMap((run) => (run.jobId === id ? run.ownerGroup : [])),
  );
  for (const { ownerGroup } of panel) expect(asked).not.toContain(ownerGroup);
  expect(await quarantined()).toEqual([...liars].sort());
  const view = await findBatch(world.deps, alice, id);
  expect(view).toMatchObject({ status: "completed", verdict: { recheck: recheck?.id } });
  expect(view?.verdict?.recalled_at).not.toBeNull();
  expect(await codesOf(id)).toContain("recalled");
  const again = view?.verdict?.recheck ?? "";
  if (!isId("job", again)) throw new Error("it was not verified again");
  expect(await findBatch(world.deps, alice, again)).toMatchObject({
    status: "completed",
    result: "right",
    cost_so_far: "0.000000",
  });
  expect((await listExecutions(world.deps, alice, again)).count).toBe(3);
  expect(await findBatch(world.deps, await world.customer(2), again)).toBeNull();

  await sweepBatch(world.deps);
  const told = (await findBatch(world.deps, alice, earlier))?.verdict;
  expect(told?.recalled_at).not.toBeNull();
  await play();
  const [, second] = await checks("recheck");
  expect(second).toMatchObject({ about: earlier, status: "completed", id: told?.recheck });
  expect(await codesOf(earlier)).toEqual(expect.arrayContaining(["recalled"]));
  expect((await findBatch(world.deps, alice, kept))?.verdict).toMatchObject({ recalled_at: null, recheck: null });
});

test("a result that was taken back only because of who ran it stands again once others confirm it", async () => {
  const [liar, other] = pair();
  const right = await decidedOn([liar, honest()[0] ?? other], "right", NO_CHECKS);
  await decidedOn([liar, other], "wrong", AN_AUDIT);
  await everybody();
  await play();
  await sweepBatch(world.deps);
  expect((await findBatch(world.deps, alice, right))?.verdict?.recalled_at).not.toBeNull();
  await play();
  expect((await findBatch(world.deps, alice, right))?.verdict?.recalled_at).toBeNull();
  expect((await codesOf(right)).slice(-2)).toEqual(["recalled", "confirmed"]);
});

test("a quarantine lifted before its results were looked through makes the machine no witness of its own results", async () => {
  const [liar, other] = pair();
  const id = await decidedOn([liar, honest()[0] ?? other], "right", NO_CHECKS);
  await caught(liar);
  await world.db.transaction((tx) => liftQuarantine(tx, liar));
  expect(await recallResults(world.deps)).toBe(1);
  expect((await findBatch(world.deps, alice, id))?.verdict?.recalled_at).not.toBeNull();
});

test("what a caught machine still runs is given to others, and what it delivered already decides nothing", async () => {
  const [liar, other] = pair();
  await fleet.only(liar, other);
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [run] = (await fleet.live(id)).filter(({ providerId }) => providerId === liar);
  if (!run) throw new Error("it was given to both");
  const now = world.deps.clock.now();
  await world.db.insert(providerEvidence).values({ providerId: other, at: now, quarantinedAt: now });
  await fleet.deliver(run);
  await sweepBatch(world.deps);
  expect((await fleet.live(id)).length).toBe(0);
  await world.db
    .insert(providerEvidence)
    .values({ providerId: liar, at: now, quarantinedAt: now })
    .onConflictDoUpdate({
      target: providerEvidence.providerId,
      set: { quarantinedAt: now },
    });
  await everybody();
  await play();
  const rows = await world.db.select().from(batchExecutions).where(eq(batchExecutions.jobId, id));
  const agreed = rows.flatMap(({ vote, providerId }) => (vote === "agreed" ? [providerId] : []));
  expect(agreed).toHaveLength(2);
  expect(agreed).not.toContain(liar);
});

test("where one of a pair is caught the other's word stands with one proven owner more; if that one contradicts it, three others say who is right", async () => {
  const [liar, mate] = pair();
  const [one] = honest();
  if (!one) throw new Error("a fleet has machines");
  const wrong = await decidedOn([liar, mate], "wrong", NO_CHECKS);
  const right = await decidedOn([liar, one], "right", NO_CHECKS);
  const now = world.deps.clock.now();
  for (const id of honest().slice(1, 5))
    await world.db.insert(providerEvidence).values({ providerId: id, at: now, verified: 40 });
  // Wrong where the answer is known, at its first work.
  await decidedOn(honest().slice(0, 2), "right", A_CANARY);
  await fleet.only(liar, ...honest().slice(2, 3));
  await play(({ providerId }) => (providerId === liar ? "wrong" : undefined));
  expect(await quarantined()).toEqual([liar]);
  await everybody();
  expect(await recallResults(world.deps)).toBe(2);
  const asked = await checks("audit");
  expect(asked.map(({ about }) => about).sort()).toEqual([wrong, right].sort());
  for (const { redundancy } of asked) expect(redundancy).toBe(1);
  await dispatchBatch(world.deps);
  for (const { id, about } of asked)
    for (const run of await fleet.live(id)) {
      expect([honest().slice(1, 5), about]).toEqual([expect.arrayContaining([run.providerId]), about]);
      await fleet.deliver(run, { stdout: "right" });
    }
  expect((await findBatch(world.deps, alice, right))?.verdict).toMatchObject({ recalled_at: null });
  expect((await codesOf(right)).slice(-2)).toEqual(["recalled", "confirmed"]);
  const [recheck] = await checks("recheck");
  expect(recheck).toMatchObject({ about: wrong, status: "pending", copiesWanted: 3 });
  expect(await quarantined()).toEqual([liar]);
  expect(await codesOf(wrong)).not.toContain("refunded");
  expect((await findBatch(world.deps, alice, wrong))?.cost_so_far).not.toBe("0.000000");
  await play();
  expect(await quarantined()).toEqual([liar, mate].sort());
  const told = await findBatch(world.deps, alice, wrong);
  expect(told?.verdict).toMatchObject({ recheck: recheck?.id });
  expect(told?.verdict?.recalled_at).not.toBeNull();
  expect(told?.cost_so_far).toBe("0.000000");
});

test("whoever still stood behind a result when it was verified again, and is caught later, makes it be verified once more", async () => {
  const [liar, mate] = pair();
  const id = await decidedOn([liar, mate], "right", NO_CHECKS);
  await caught(liar);
  expect(await recallResults(world.deps)).toBe(1);
  await everybody();
  await play();
  expect((await findBatch(world.deps, alice, id))?.verdict?.recalled_at).toBeNull();
  await caught(mate);
  expect(await recallResults(world.deps)).toBe(1);
  await play();
  expect((await checks("audit")).map(({ about }) => about)).toEqual([id, id]);
  const view = await findBatch(world.deps, alice, id);
  expect(view?.verdict).toMatchObject({ recalled_at: null, recheck: (await checks("audit"))[1]?.id });
  // One of those asked is caught as well, while nobody else is: two stood behind it, one does.
  const [first] = await world.db
    .select()
    .from(batchExecutions)
    .where(eq(batchExecutions.jobId, (await checks("audit"))[0]?.id ?? "job_"));
  if (!first) throw new Error("somebody was asked");
  await caught(first.providerId);
  expect(await recallResults(world.deps)).toBe(1);
  expect(await checks("recheck")).toEqual([]);
});

test("honest machines that a canary finds alike are not caught by the one that confirms a wrong result", async () => {
  const liars = pair();
  const id = await decidedOn(liars, "wrong", A_CANARY);
  const [canary] = await checks("canary");
  await world.db
    .update(batchJobs)
    .set({ redundancy: 3, consensus: 3, copiesWanted: 3 })
    .where(eq(batchJobs.id, canary?.id ?? "job_"));
  const [mate, ...others] = honest().slice(0, 3);
  await fleet.only(...(mate ? [mate, ...others] : others));
  await dispatchBatch(world.deps);
  for (const run of await fleet.live(canary?.id))
    await fleet.deliver(run, { stdout: run.providerId === mate ? "wrong" : "right" });
  expect(await quarantined()).toEqual([]);
  expect(await checks("recheck")).toMatchObject([{ about: id }]);
  await everybody();
  await play();
  expect(await quarantined()).toEqual([...liars, mate].sort());
});

test("a crash while results are taken back loses none and repeats none", async () => {
  const liars = pair();
  const jobs: JobId[] = [];
  for (let i = 0; i < 3; i++) jobs.push(await decidedOn(liars, "wrong", NO_CHECKS));
  await decidedOn(liars, "wrong", AN_AUDIT);
  await everybody();
  await play();
  // It fails where customers are told: most of it is written by then.
  await world.db.execute(sql`alter table events add constraint killed check (code <> 'recalled') not valid`);
  await expect(recallResults(world.deps)).rejects.toThrow();
  await world.db.execute(sql`alter table events drop constraint killed`);
  for (const id of jobs) expect((await findBatch(world.deps, alice, id))?.verdict?.recalled_at).toBeNull();
  expect(await recallResults(world.deps)).toBe(3);
  expect(await recallResults(world.deps)).toBe(0);
  for (const id of jobs) expect((await codesOf(id)).filter((code) => code === "recalled")).toHaveLength(1);
  expect(await checks("recheck")).toHaveLength(4);
});

test("more results than are looked through at once are all taken back, each once", async () => {
  const [liar] = pair();
  await fleet.only(liar);
  const wish = { redundancy: 1, consensus: 1 };
  await Promise.all(Array.from({ length: 101 }, () => fleet.submit(alice, wish)));
  for (let given = 0; given < 101; ) {
    given += await dispatchBatch(world.deps);
    world.pass(1_000);
    const reports = (await fleet.live()).map((run) => fleet.report(run));
    await takeResults({ ...world.deps, random: NO_CHECKS }, liar, reports);
  }
  await caught(liar);
  expect(await recallResults(world.deps)).toBe(101);
  expect(await recallResults(world.deps)).toBe(0);
  expect(await checks("recheck")).toHaveLength(101);
});

test("what was decided more than 72 hours before is not taken back with what came later", async () => {
  const liars = pair();
  const old = await decidedOn(liars, "right", NO_CHECKS);
  world.pass(2 * 3_600_000);
  const fresh = await decidedOn(liars, "right", NO_CHECKS);
  world.pass(71 * 3_600_000);
  await caught(liars[0]);
  expect(await recallResults(world.deps)).toBe(1);
  expect((await findBatch(world.deps, alice, old))?.verdict?.recalled_at).toBeNull();
  expect((await findBatch(world.deps, alice, fresh))?.verdict?.recalled_at).not.toBeNull();
});

test("an honest fleet is never set aside, however often it is checked; customers see nothing of it, and go first", async () => {
  let seed = 7;
  random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return (seed / 2_147_483_648) * 0.3;
  };
  for (let i = 0; i < 150; i++) await fleet.submit(alice, { reusable: true });
  await play();
  expect((await checks("canary")).length).toBeGreaterThan(10);
  expect((await checks("audit")).length).toBeGreaterThan(5);
  expect(await checks("recheck")).toEqual([]);
  expect(await quarantined()).toEqual([]);
  const [open] = await world.db.execute(sql`select count(*)::int as n from batch_jobs where status <> 'completed'`);
  expect(open).toEqual({ n: 0 });
  const listed = await listBatchRows(world.db, alice.account, { status: null, beforeId: null, limit: 500 });
  expect(listed).toHaveLength(150);
  const [check] = await checks("audit");
  expect(check && (await findBatch(world.deps, alice, check.id))).toBeNull();
  const [money] = await world.db.execute(sql`
    select sum(taken_promotion)::text as taken from batch_jobs where purpose <> 'customer'`);
  expect(money).toEqual({ taken: "0" });
});

test("a customer's job gets a machine before a check that has waited longer", async () => {
  await decidedOn(honest().slice(0, 2), "right", AN_AUDIT);
  const [liar, other] = pair();
  for (const id of [liar, other]) await world.db.update(providers).set({ cpuCores: 1 }).where(eq(providers.id, id));
  await fleet.only(liar, other);
  const id = await fleet.submit(alice);
  expect(await dispatchBatch(world.deps)).toBe(2);
  expect(await fleet.live(id)).toHaveLength(2);
});

test("an operator lifts a quarantine by approving the machine again", async () => {
  const [liar] = pair();
  const operator = await world.customer(3);
  const deps = { ...world.deps, settings: { ...world.deps.settings, operators: [operator.account] } };
  await expect(approveProvider(deps, operator, liar)).rejects.toThrow("is admitted");
  const now = world.deps.clock.now();
  await world.db.insert(providerEvidence).values({ providerId: liar, at: now, quarantinedAt: now });
  await approveProvider(deps, operator, liar);
  expect(await quarantined()).toEqual([]);
  expect((await codesOf(liar)).at(-1)).toBe("quarantine-lifted");
});
