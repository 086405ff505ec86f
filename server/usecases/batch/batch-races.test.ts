// Many at once: dispatchers beside renters, results in any order, sweeps beside all of them. Nothing is sold twice.
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { JobId } from "../../../domain/ids.ts";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { waitingForLocks } from "../../testing/locks.ts";
import { expectSound } from "../../testing/sound.ts";
import { GPU_MODEL, openWorld, type World } from "../../testing/world.ts";
import { rentGpu } from "../job/rent-gpu.ts";
import { cancelBatch } from "./cancel-batch.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { sweepBatch } from "./sweep-batch.ts";

let world: World;
let fleet: Fleet;
beforeAll(async () => {
  world = await openWorld();
  fleet = await openFleet(world, 6, { cpuCores: 8, gpus: 2 });
});
afterAll(async () => world[Symbol.asyncDispose]());

test("dispatchers, renters, liars, hangs, cancels and sweeps at once: nothing is oversold, each job has one verdict", async () => {
  const customers = await Promise.all([1, 2, 3].map((n) => world.customer(n, 1_000_000_000n)));
  const renter = await world.customer(9, 1_000_000_000n);
  const jobs: { id: JobId; account: (typeof customers)[number] }[] = [];
  for (let i = 0; i < 60; i++) {
    const account = customers[i % 3] ?? renter;
    const over = i % 7 === 0 ? { gpu_count: 1, gpu_type: GPU_MODEL } : {};
    jobs.push({ id: await fleet.submit(account, { ...over, timeout_seconds: 30, max_price: "2.000000" }), account });
  }
  const verdicts = new Map<string, string>();
  const [liar] = fleet.machines;
  // Long enough for the queue's end of a job whose last free GPUs are rented away, after as many runs as there are owners.
  for (let round = 0; round < 120; round++) {
    const live = (await fleet.live()).filter(() => Math.random() < 0.7).sort(() => Math.random() - 0.5);
    const wish = { gpuModel: GPU_MODEL, gpuCount: 1, cpuCores: 2, memoryGb: 4, diskGb: 10 };
    const rest = {
      name: "r",
      hours: 1,
      maxRate: null,
      image: "ubuntu:24.04",
      template: null,
      minVramMb: 0,
      command: null,
    };
    const rental = { ...wish, ...rest, providerId: null, httpPort: null, env: {}, sshPublicKeys: ["ssh-ed25519 AAAA"] };
    const rents = round < 4 ? [1, 2] : [];
    await Promise.all([
      ...[1, 2, 3].map(() => dispatchBatch(world.deps)),
      ...rents.map(() => rentGpu(world.deps, renter, rental, { key: null, request: null }).catch(() => null)),
      ...live.map((run) => {
        const chance = Math.random();
        if (chance < 0.08) return fleet.deliver(run, { outcome: "failed", end: "infrastructure", stdout: "" });
        if (chance < 0.12) return null; // hangs
        return fleet.deliver(run, { stdout: run.providerId === liar ? "a lie" : "right" });
      }),
      ...(round % 10 === 5
        ? jobs.slice(round, round + 1).map(({ id, account }) => cancelBatch(world.deps, account, id))
        : []),
      sweepBatch(world.deps),
      sweepBatch(world.deps),
    ]);
    expect(await expectSound(world.db)).toEqual([]);
    const decided = await world.db.execute<{ id: string; verdict: string }>(
      sql`select id, (verdict::text || coalesce(result_execution_id, '')) as verdict from batch_jobs where decided_at is not null`,
    );
    for (const { id, verdict } of decided) {
      expect(verdicts.get(id) ?? verdict).toBe(verdict);
      verdicts.set(id, verdict);
    }
    if (verdicts.size === jobs.length) break;
    world.pass(round % 3 === 2 ? 31_000 : 1_500);
  }
  expect(verdicts.size).toBe(jobs.length);
  const [wrong] = await world.db.execute<{ n: number }>(sql`
    select count(*)::int as n from batch_jobs j join batch_results r on r.execution_id = j.result_execution_id
    where r.stdout <> 'right'`);
  expect(wrong?.n).toBe(0);
  const [lied] = await world.db.execute<{ n: number }>(sql`
    select coalesce(sum(paid), 0)::int as n from batch_executions e join batch_results r on r.execution_id = e.id
    where r.stdout = 'a lie' and e.paid > 0 and e.job_id in (select id from batch_jobs where status = 'completed')`);
  expect(lied?.n).toBe(0);
  const [score] = await world.db.execute<{ off: number }>(sql`
    select count(*)::int as off from providers p where p.reputation <> 100 + (
      select coalesce(sum(delta), 0) from reputation_events r where r.provider_id = p.id)`);
  expect(score?.off).toBe(0);
}, 120_000);

test("a verdict that is reached while its customer's wish to cancel is on its way stands", async () => {
  await using world = await openWorld();
  const fleet = await openFleet(world, 3);
  const alice = await world.customer(1);
  const id = await fleet.submit(alice);
  await dispatchBatch(world.deps);
  const [first, second] = await fleet.live(id);
  if (!first || !second) throw new Error("it was given to nobody");
  await fleet.deliver(first);
  const meanwhile: Promise<unknown>[] = [];
  await world.db.transaction(async (tx) => {
    await tx.execute(sql`select 1 from accounts for no key update`);
    meanwhile.push(fleet.deliver(second));
    await waitingForLocks(world.db, 1);
    meanwhile.push(cancelBatch(world.deps, alice, id));
    await waitingForLocks(world.db, 2);
  });
  expect(await Promise.all(meanwhile)).toMatchObject([
    "accepted",
    { status: "completed", verdict: { kind: "accepted" } },
  ]);
  expect(await expectSound(world.db)).toEqual([]);
});
