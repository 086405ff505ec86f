// What a machine's owner reads and does where rentals and batch jobs live on it.
import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { walletPrincipal } from "../../../domain/account/principal.ts";
import { DEMO_ANONYMOUS_ACCOUNT } from "../../../domain/demo.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { batchExecutions, providerEvidence } from "../../../drizzle/schema/batch.ts";
import { gpus } from "../../../drizzle/schema/provider.ts";
import { earnedBy, earnedByDay, earnedByOwner } from "../../repos/earnings.ts";
import { gpusOf, jobsOfHolders } from "../../repos/gpus.ts";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { address, openWorld, type World } from "../../testing/world.ts";
import { dispatchBatch } from "../batch/dispatch-batch.ts";
import { sweepBatch } from "../batch/sweep-batch.ts";
import { getProviderForOperator, readBatchQueue } from "../operator/list-providers.ts";
import { suspendProvider } from "./decide-admission.ts";
import { drainProvider } from "./drain-provider.ts";
import { getOwnProvider } from "./get-own-provider.ts";
import { removeProvider } from "./remove-provider.ts";

const OPERATOR = walletPrincipal(address(9_000_001));
const OWNER = walletPrincipal(address(9_000_002));
let world: World;
let fleet: Fleet;
beforeEach(async () => {
  world = await openWorld({ operators: [OPERATOR.account] });
  fleet = await openFleet(world, 5);
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

/** A job that runs on our machine and on another. */
async function runs() {
  const ours = await fleet.add({ owner: OWNER.account });
  const customer = await world.customer(1);
  for (;;) {
    const id = await fleet.submit(customer);
    await dispatchBatch(world.deps);
    world.pass(2_000);
    const live = await fleet.live(id);
    const mine = live.find(({ providerId }) => providerId === ours);
    if (mine) return { id, ours, mine, live };
    for (const run of live) await fleet.deliver(run);
  }
}

test("what an owner's machines earned with batch jobs is together what the ledger's entries say, by machine and by day", async () => {
  await fleet.add({ owner: OWNER.account });
  await fleet.add({ owner: OWNER.account });
  // Machines of those who are not logged in may be in one panel: what its one entry says is shared between them.
  const anonymous: ProviderId[] = [];
  for (const perCpuHour of [13_333n, 14_444n, 17_777n, 18_888n, 19_999n])
    anonymous.push(await fleet.add({ owner: DEMO_ANONYMOUS_ACCOUNT, perCpuHour }));
  const customer = await world.customer(1);
  for (let n = 0; n < 6; n++) {
    if (n === 5) await fleet.only(...anonymous); // chance alone leaves them out of all panels once in some hundred runs
    const id = await fleet.submit(customer, { redundancy: 4, consensus: 4 });
    await dispatchBatch(world.deps);
    world.pass(2_000);
    for (const run of await fleet.live(id)) await fleet.deliver(run, { runMs: 1_700 });
  }
  const rows = await world.db.execute<{ owner: string; sum: string }>(
    sql`select owner, sum(amount)::text as sum from entries where book = 'earned' group by owner`,
  );
  let machines = 0;
  for (const { owner, sum } of rows) {
    const own = await world.db.execute<{ id: `prov_${string}` }>(sql`select id from providers where owner = ${owner}`);
    const ids = own.map(({ id }) => id);
    if (ids.length === 0) continue;
    const earned = [...(await earnedBy(world.db, ids)).values()];
    machines += earned.length;
    const whole = await earnedByOwner(world.db, owner);
    expect(earned.reduce((all, { promotion }) => all + promotion, 0n)).toBe(whole.promotion);
    expect(whole).toEqual({ cash: 0n, promotion: BigInt(sum) });
    expect(whole.promotion).toBeGreaterThan(0n);
    const days = await Promise.all(ids.map((id) => earnedByDay(world.db, id, { from: null, before: null, limit: 9 })));
    expect(days.flat().reduce((all, { promotion }) => all + promotion, 0n)).toBe(whole.promotion);
  }
  expect(machines).toBeGreaterThan(5);
  const [shared] = await world.db.execute<{ jobs: number }>(sql`
    select count(*)::int as jobs from (select job_id from batch_executions e join providers p on p.id = e.provider_id
      where p.owner = ${DEMO_ANONYMOUS_ACCOUNT} and e.paid > 0 group by job_id having count(*) > 1) twice`);
  expect(shared?.jobs).toBeGreaterThan(0);
});

test("what runs there is listed with its kind and nothing of whose it is; operators count it too", async () => {
  const { ours, mine } = await runs();
  const { executions } = await getOwnProvider(world.deps, OWNER, ours);
  expect(executions).toMatchObject([{ id: mine.id, kind: "batch", cpu_cores: 1, gpu_count: 0 }]);
  expect(await getProviderForOperator(world.deps, OPERATOR, ours)).toMatchObject({ live_executions: 1 });
});

test("a drained machine finishes its batch jobs, says so, and cannot be removed before", async () => {
  const { ours, mine } = await runs();
  await drainProvider(world.deps, OWNER, ours, true);
  const { notices } = await getOwnProvider(world.deps, OWNER, ours);
  expect(notices).toContain("It drains: 1 execution runs to the end, and no new work comes.");
  await sweepBatch(world.deps);
  await expect(removeProvider(world.deps, OWNER, ours)).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/1 execution lives on this machine\. The last one that runs ends by 20/),
  });
  expect(await fleet.deliver(mine)).toBe("accepted");
  await removeProvider(world.deps, OWNER, ours);
  expect((await getOwnProvider(world.deps, OWNER, ours)).executions).toEqual([]);
});

test("a suspended machine's batch jobs end with the next sweep, and are done elsewhere", async () => {
  const { ours, mine, id } = await runs();
  await suspendProvider(world.deps, OPERATOR, ours, "It lied.");
  await sweepBatch(world.deps);
  const [row] = await world.db.select().from(batchExecutions).where(eq(batchExecutions.id, mine.id));
  expect(row).toMatchObject({ status: "lost", paid: 0n });
  expect((await getOwnProvider(world.deps, OWNER, ours)).executions).toEqual([]);
  await dispatchBatch(world.deps);
  const live = await fleet.live(id);
  expect(live.map(({ providerId }) => providerId)).not.toContain(ours);
  expect(live).toHaveLength(2);
});

test("a GPU under a batch job tells which job holds it", async () => {
  const { ours, mine, id } = await runs();
  await world.db.insert(gpus).values({
    ...{ id: world.deps.ids.next("gpu"), providerId: ours, index: 0, uuid: "GPU-x", model: "A100", vramMb: 1 },
    ...{ declared: false, executionId: mine.id },
  });
  const holders = await gpusOf(world.db, [ours]);
  const held = await world.db.transaction((tx) => jobsOfHolders(tx, holders));
  expect([...held]).toEqual([[mine.id, id]]);
  await world.db.delete(gpus).where(eq(gpus.providerId, ours));
});

test("a machine that exits 1 on what others complete rests, and it is its fault", async () => {
  const { ours, mine, id } = await runs();
  await fleet.deliver(mine, { exitCode: 1, outcome: "failed", end: "exit-code" });
  for (let round = 0; round < 6; round++) {
    for (const run of await fleet.live(id)) await fleet.deliver(run);
    await dispatchBatch(world.deps);
    world.pass(2_000);
  }
  const [known] = await world.db.select().from(providerEvidence).where(eq(providerEvidence.providerId, ours));
  expect(known).toMatchObject({ jobsFailed: 1, errors: 1, restingUntil: expect.any(Date) });
});

test("operators see how much waits and since when, and who is in quarantine and why", async () => {
  const { ours } = await runs();
  expect(await getProviderForOperator(world.deps, OPERATOR, ours)).toMatchObject({ quarantine: null });
  expect(await readBatchQueue(world.deps, OPERATOR)).toEqual({ waiting: 0, oldest: null });
  await expect(readBatchQueue(world.deps, OWNER)).rejects.toMatchObject({ code: "forbidden" });
  const at = world.deps.clock.now();
  await fleet.submit(await world.customer(2));
  world.pass(5_000);
  expect(await readBatchQueue(world.deps, OPERATOR)).toEqual({ waiting: 1, oldest: at.toISOString() });
  const caught = { quarantinedAt: at, quarantineReason: "It lied." };
  await world.db
    .insert(providerEvidence)
    .values({ providerId: ours, at, ...caught })
    .onConflictDoUpdate({ target: providerEvidence.providerId, set: caught });
  expect(await getProviderForOperator(world.deps, OPERATOR, ours)).toMatchObject({
    quarantine: { since: at.toISOString(), reason: "It lied." },
  });
});
