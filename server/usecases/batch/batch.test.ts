// Batch jobs on a real PostgreSQL with a played fleet: dispatch, results, verdicts, money and score.
import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JobId, ProviderId } from "../../../domain/ids.ts";
import { batchExecutions, batchJobs } from "../../../drizzle/schema/batch.ts";
import { providers } from "../../../drizzle/schema/provider.ts";
import { driftedProviders, recomputeOffers } from "../../repos/offers.ts";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { cancelBatch } from "./cancel-batch.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { sweepBatch } from "./sweep-batch.ts";
import { takeResults } from "./take-results.ts";

let world: World;
let fleet: Fleet;

beforeEach(async () => {
  world = await openWorld();
  fleet = await openFleet(world, 5);
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  const scores = await world.db.execute(sql`
    select p.id from providers p left join reputation_events r on r.provider_id = p.id
    group by p.id having p.reputation <> 100 + coalesce(sum(r.delta), 0)`);
  expect([...scores]).toEqual([]);
  expect(await driftedProviders(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

const jobRow = async (id: JobId) => {
  const [row] = await world.db.select().from(batchJobs).where(eq(batchJobs.id, id));
  if (!row) throw new Error("no such job");
  return row;
};
const scoreOf = async (id: ProviderId) => {
  const [row] = await world.db.select().from(providers).where(eq(providers.id, id));
  return row?.reputation;
};
const panelOf = (id: JobId) =>
  world.db.select().from(batchExecutions).where(eq(batchExecutions.jobId, id)).orderBy(batchExecutions.number);

test("two distinct owners that agree decide a job; both are paid, score +5, and the rest of the hold goes back", async () => {
  const alice = await world.customer(1);
  const id = await fleet.submit(alice);
  expect(await dispatchBatch(world.deps)).toBe(2);
  world.pass(2_000);
  const [a, b] = await fleet.live(id);
  expect(a?.providerId).not.toBe(b?.providerId);
  expect(await fleet.deliver(a!)).toBe("accepted");
  expect(await jobRow(id)).toMatchObject({ status: "verifying", copiesWanted: 0, verdict: null });
  expect(await fleet.deliver(b!)).toBe("accepted");
  const job = await jobRow(id);
  expect(job).toMatchObject({ status: "completed", reason: null, heldCash: 0n, heldPromotion: 0n, poolGroups: 5 });
  expect(job.verdict).toMatchObject({ kind: "accepted", votes: 2 });
  expect(job.takenPromotion).toBeGreaterThan(0n);
  expect(await scoreOf(a!.providerId)).toBe(105);
  expect(await scoreOf(b!.providerId)).toBe(105);
  for (const member of await panelOf(id))
    expect(member).toMatchObject({ vote: "agreed", status: "succeeded", paidBy: "customer", runMs: 1_000 });
});

test("one lying owner of five is outvoted, unpaid and loses 10", async () => {
  const alice = await world.customer(1);
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  world.pass(2_000);
  const [liar, honest] = await fleet.live(id);
  await fleet.deliver(liar!, { stdout: "wrong" });
  await fleet.deliver(honest!);
  for (let round = 0; round < 5 && !(await jobRow(id)).decidedAt; round++) {
    await dispatchBatch(world.deps);
    world.pass(2_000);
    for (const run of await fleet.live(id)) await fleet.deliver(run);
  }
  const job = await jobRow(id);
  expect(job).toMatchObject({ status: "completed", verdict: { kind: "accepted" } });
  const panel = await panelOf(id);
  expect(panel.filter(({ vote }) => vote === "disagreed").map(({ id }) => id)).toEqual([liar!.id]);
  expect(panel.find(({ id }) => id === liar!.id)).toMatchObject({ paid: 0n, paidBy: null });
  expect(panel.find(({ id }) => id === job.resultExecutionId)?.vote).toBe("agreed");
  expect(await scoreOf(liar!.providerId)).toBe(90);
  expect(await scoreOf(honest!.providerId)).toBe(105);
});

test("what verification pays for is of the funds that the hold was of: a job on promotion earns nobody cash", async () => {
  const id = await fleet.submit(await world.customer(1), { redundancy: 2 });
  for (let round = 0; round < 5 && !(await jobRow(id)).decidedAt; round++) {
    await dispatchBatch(world.deps);
    world.pass(2_000);
    const [first, ...others] = await fleet.live(id);
    await fleet.deliver(first!, { stdout: round === 0 ? "wrong" : "right" });
    for (const run of others) await fleet.deliver(run);
  }
  expect((await panelOf(id)).map(({ paidBy }) => paidBy)).toContain("verification");
  const funds = await world.db.execute(sql`
    select funds, sum(amount)::int as sum from entries where book = 'platform' and owner = 'verification' group by funds`);
  expect([...funds]).toEqual([{ funds: "promotion", sum: expect.toSatisfy((sum: number) => sum < 0) }]);
});

test("a result that is accepted unverified pays its machine, and is evidence of nothing", async () => {
  const id = await fleet.submit(await world.customer(1), { redundancy: 1, consensus: 1 });
  await dispatchBatch(world.deps);
  world.pass(2_000);
  const [run] = await fleet.live(id);
  await fleet.deliver(run!);
  expect(await jobRow(id)).toMatchObject({ poolGroups: 5, verdict: { kind: "unverified" } });
  expect(await panelOf(id)).toMatchObject([{ vote: "agreed", paidBy: "customer" }]);
  expect(await scoreOf(run!.providerId)).toBe(100);
});

test("the same result again is accepted and changes nothing; another one, or a stranger's, is refused", async () => {
  const alice = await world.customer(1);
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [a, b] = await fleet.live(id);
  await fleet.deliver(a!);
  const before = await panelOf(id);
  expect(await fleet.deliver(a!)).toBe("accepted");
  expect(await panelOf(id)).toEqual(before);
  expect(await fleet.deliver(a!, { stdout: "something else" })).toBe("refused");
  expect(await fleet.deliver({ id: a!.id, providerId: b!.providerId })).toBe("refused");
  expect(await panelOf(id)).toEqual(before);
  const twice = [fleet.report(b!), fleet.report(b!), fleet.report(b!, { stdout: "other" })];
  const { results } = await takeResults(world.deps, b!.providerId, twice);
  expect(results.map(({ status }) => status)).toEqual(["accepted", "accepted", "refused"]);
  expect((await jobRow(id)).status).toBe("completed");
});

test("twins of a deciding result that arrive at once decide and pay once", async () => {
  const alice = await world.customer(1);
  const jobs: JobId[] = [];
  for (let i = 0; i < 6; i++) jobs.push(await fleet.submit(alice));
  await dispatchBatch(world.deps);
  world.pass(2_000);
  const live = await fleet.live();
  expect(live).toHaveLength(12);
  const answers = await Promise.all([...live, ...live, ...live].map((run) => fleet.deliver(run)));
  expect(answers.every((status) => status === "accepted")).toBe(true);
  const [count] = await world.db.execute(sql`select count(*)::int as n from postings where kind = 'charge'`);
  expect(count).toEqual({ n: 6 });
  const [scores] = await world.db.execute(sql`select sum(delta)::int as n from reputation_events`);
  expect(scores).toEqual({ n: 60 });
});

test("a hash that is not of what was sent, and a signature of another key, are failed executions that are replaced", async () => {
  const alice = await world.customer(1);
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [a, b] = await fleet.live(id);
  expect(await fleet.deliver(a!, { hash: "0".repeat(64) })).toBe("accepted");
  const forged = { ...fleet.report(b!), signature: fleet.report(a!).signature };
  await takeResults(world.deps, b!.providerId, [forged]);
  for (const member of await panelOf(id)) expect(member).toMatchObject({ status: "failed", endCause: "wrong-hash" });
  expect((await jobRow(id)).copiesWanted).toBe(2);
});

test("what is no text is refused as a result and told so", async () => {
  const alice = await world.customer(1);
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [a] = await fleet.live(id);
  await fleet.deliver(a!, { stdout: "nul \0 inside" });
  const told = (await panelOf(id)).find((member) => member.id === a?.id);
  expect(told).toMatchObject({ status: "failed", endCause: "not-text", digest: null });
});

test("a hang is given up at its deadline and replaced; what it delivers later is late, unpaid, and voted on", async () => {
  const alice = await world.customer(1);
  const id = await fleet.submit(alice, { timeout_seconds: 10 });
  await dispatchBatch(world.deps);
  const [slow, quick] = await fleet.live(id);
  await fleet.deliver(quick!);
  world.pass(131_000);
  expect(await sweepBatch(world.deps)).toMatchObject({ timedOut: 1 });
  expect((await panelOf(id)).find((e) => e.id === slow!.id)).toMatchObject({ status: "failed", endCause: "timed-out" });
  expect(await dispatchBatch(world.deps)).toBe(1);
  world.pass(1_000);
  const [third] = await fleet.live(id);
  await fleet.deliver(third!);
  expect((await jobRow(id)).status).toBe("completed");
  const before = await jobRow(id);
  expect(await fleet.deliver(slow!)).toBe("late");
  expect(await fleet.deliver(slow!)).toBe("late");
  expect(await jobRow(id)).toEqual(before);
  expect((await panelOf(id)).find((e) => e.id === slow!.id)).toMatchObject({ vote: "agreed", paid: 0n });
  expect(await scoreOf(slow!.providerId)).toBe(100); // it could be read by then
});

test("a late lie after the verdict loses 10 and changes no verdict", async () => {
  const alice = await world.customer(1);
  const id = await fleet.submit(alice, { dispatch: "eager" });
  await dispatchBatch(world.deps);
  const [a, b, c] = await fleet.live(id);
  await fleet.deliver(a!);
  await fleet.deliver(b!);
  const before = await jobRow(id);
  expect(before.status).toBe("completed");
  expect((await panelOf(id)).find((e) => e.id === c!.id)).toMatchObject({ status: "stopped", endCause: "cancelled" });
  expect(await fleet.deliver(c!, { stdout: "a lie" })).toBe("late");
  expect(await jobRow(id)).toEqual(before);
  expect(await scoreOf(c!.providerId)).toBe(90);
});

test("a machine that falls silent is replaced", async () => {
  const alice = await world.customer(1);
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [gone, there] = await fleet.live(id);
  await world.db.update(providers).set({ presence: "offline" }).where(eq(providers.id, gone!.providerId));
  await world.db.transaction((tx) => recomputeOffers(tx, gone!.providerId));
  expect(await sweepBatch(world.deps)).toMatchObject({ lost: 1 });
  expect(await dispatchBatch(world.deps)).toBe(1);
  const rest = await fleet.live(id);
  expect(rest).toHaveLength(2);
  expect(rest.map(({ providerId }) => providerId)).toContain(there!.providerId);
  expect(rest.map(({ providerId }) => providerId)).not.toContain(gone!.providerId);
});

test("a job for which no other owner has a machine in time ends without charge", async () => {
  const alice = await world.customer(1);
  for (const id of fleet.machines.slice(1)) {
    await world.db.update(providers).set({ drain: "draining" }).where(eq(providers.id, id));
    await world.db.transaction((tx) => recomputeOffers(tx, id));
  }
  const id = await fleet.submit(alice, { queue_timeout: 30 });
  expect(await dispatchBatch(world.deps)).toBe(1);
  const [only] = await fleet.live(id);
  await fleet.deliver(only!);
  expect(await dispatchBatch(world.deps)).toBe(0);
  world.pass(31_000);
  expect(await sweepBatch(world.deps)).toMatchObject({ unresolved: 1 });
  expect(await jobRow(id)).toMatchObject({
    status: "failed",
    reason: "no-machines",
    takenPromotion: 0n,
    takenCash: 0n,
  });
});

test("a job that every machine refused ends as one that machines cannot run, not as one that found none free", async () => {
  const id = await fleet.submit(await world.customer(1), { queue_timeout: 30 });
  for (let round = 0; round < fleet.machines.length; round += 1) {
    await dispatchBatch(world.deps);
    for (const one of await fleet.live(id)) await fleet.deliver(one, { outcome: "refused", end: "cannot-run" });
  }
  world.pass(31_000);
  await sweepBatch(world.deps);
  expect(await jobRow(id)).toMatchObject({
    status: "failed",
    reason: "too-many-errors",
    takenPromotion: 0n,
    takenCash: 0n,
  });
});

test("a cancelled job pays what had run until then, stops the rest, and stays cancelled", async () => {
  const alice = await world.customer(1);
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [a, b] = await fleet.live(id);
  world.pass(5_000);
  await fleet.deliver(a!, { runMs: 3_000 });
  const before = await world.db.select().from(providers).where(eq(providers.id, b!.providerId));
  expect(await cancelBatch(world.deps, alice, id)).toMatchObject({ status: "cancelled", held: "0.000000" });
  expect((await panelOf(id)).map(({ status }) => status).sort()).toEqual(["stopped", "succeeded"]);
  expect((await jobRow(id)).takenPromotion).toBeGreaterThan(0n);
  const [after] = await world.db.select().from(providers).where(eq(providers.id, b!.providerId));
  expect(after?.generation).toBe((before[0]?.generation ?? 0) + 1);
  expect(await fleet.deliver(b!)).toBe("late");
  expect(await cancelBatch(world.deps, alice, id)).toMatchObject({ status: "cancelled" });
  expect(await cancelBatch(world.deps, await world.customer(2), id)).toBeNull();
});

test("where rings are lost, of a submit or of a verdict, the sweep rings again, and nothing waits for ever", async () => {
  const alice = await world.customer(1);
  const ids = [await fleet.submit(alice), await fleet.submit(alice)];
  const rung = () => world.rings.splice(0).map(({ name }) => name);
  expect(rung()).toContain("batch.dispatch"); // and lost
  await sweepBatch(world.deps);
  expect(rung()).toContain("batch.dispatch");
  expect(await dispatchBatch(world.deps)).toBe(4);
  for (const id of ids) expect(await fleet.live(id)).toHaveLength(2);

  const [first, second] = await fleet.live(ids[0]);
  await fleet.deliver(first!, { stdout: "one" });
  await fleet.deliver(second!, { stdout: "other" });
  expect(rung()).toContain("batch.dispatch"); // and lost
  await sweepBatch(world.deps);
  expect(rung()).toContain("batch.dispatch");
  expect(await dispatchBatch(world.deps)).toBe(1);
});

test("nobody runs their own job", async () => {
  const owner = await world.customer(77);
  const own = [await fleet.add({ owner: owner.account }), await fleet.add({ owner: owner.account })];
  const id = await fleet.submit(owner, { dispatch: "eager", redundancy: 7 });
  expect(await dispatchBatch(world.deps)).toBe(5);
  for (const run of await fleet.live(id)) expect(own).not.toContain(run.providerId);
});

test.each([
  ["exit-code", 3, "job-error"],
  ["too-large", null, "too-large"],
  ["out-of-memory", 137, "out-of-memory"],
] as const)("two owners that fail alike (%s) make it the job's fault, and are paid for what ran", async (...told) => {
  const [end, exitCode, reason] = told;
  const alice = await world.customer(1);
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  world.pass(2_000);
  for (const run of await fleet.live(id))
    await fleet.deliver(run, { outcome: "failed", end, ...(exitCode && { exitCode }), stdout: "" });
  expect(await jobRow(id)).toMatchObject({ status: "failed", reason, verdict: { kind: "job-error" } });
  const panel = await panelOf(id);
  expect(panel).toHaveLength(2);
  for (const member of panel) expect(member).toMatchObject({ endCause: end, paidBy: "customer" });
});

test("a machine that has just come is its owner's from its first copy on", async () => {
  const [alice, bob] = [await world.customer(77), await world.customer(78)];
  await fleet.submit(bob);
  expect(await dispatchBatch(world.deps)).toBe(2);
  const own = await fleet.add({ owner: alice.account });
  const pair = [await fleet.add({ owner: bob.account }), await fleet.add({ owner: bob.account })];
  const id = await fleet.submit(alice, { dispatch: "eager", redundancy: 7 });
  expect(await dispatchBatch(world.deps)).toBe(6);
  const asked = (await fleet.live(id)).map(({ providerId }) => providerId);
  expect(asked).not.toContain(own);
  expect(pair.filter((one) => asked.includes(one))).toHaveLength(1);
});

test("a signed refusal costs nothing, does not count, and another machine is asked", async () => {
  const alice = await world.customer(1);
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [a] = await fleet.live(id);
  await fleet.deliver(a!, { outcome: "refused", end: "cannot-run", stdout: "" });
  expect(await jobRow(id)).toMatchObject({ copiesWanted: 1, status: "scheduled" });
  expect(await scoreOf(a!.providerId)).toBe(100);
});
