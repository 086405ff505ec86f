// Rentals on a real PostgreSQL: never sold twice, once per key, to the micro.
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isAppError } from "../../../domain/errors.ts";
import { EXECUTION_STATUSES } from "../../../domain/execution/state.ts";
import { RENTAL_STATUSES } from "../../../domain/job/status.ts";
import type { RentWish } from "../../../domain/job/wish.ts";
import { RentalBody } from "../../../protocol/operations/job.ts";
import { expectSound } from "../../testing/sound.ts";
import { GPU_MODEL, openWorld, type World } from "../../testing/world.ts";
import { getBilling } from "../billing/get-billing.ts";
import { reconcileExecution } from "../execution/reconcile-execution.ts";
import { estimateRental } from "./estimate-rental.ts";
import { extendJob } from "./extend-job.ts";
import { getJob } from "./get-job.ts";
import { listJobs } from "./list-jobs.ts";
import { rentGpu } from "./rent-gpu.ts";
import { stopJob } from "./stop-job.ts";
import { submitRental } from "./submit-rental.ts";

const HOUR = 3_600_000;
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
let world: World;
beforeAll(async () => {
  world = await openWorld();
});
beforeEach(async () => {
  world.rings.length = 0;
  await world.db.execute(
    sql`truncate accounts, providers, gpus, offers, jobs, executions, holds, postings, entries, events, idempotency, provider_presence cascade`,
  );
});
afterAll(() => world[Symbol.asyncDispose]());

function wish(over: Partial<RentWish> = {}): RentWish {
  return {
    name: "test",
    providerId: null,
    gpuModel: GPU_MODEL,
    gpuCount: 1,
    cpuCores: 4,
    memoryGb: 16,
    diskGb: 50,
    hours: 2,
    maxRate: null,
    image: "ubuntu:24.04",
    template: null,
    minVramMb: 0,
    command: null,
    httpPort: null,
    env: {},
    sshPublicKeys: [KEY],
    ...over,
  };
}
const unkeyed = (request: unknown) => ({ key: null, request });

describe("capacity", () => {
  test("64 renters for 16 GPUs: exactly 16 rent, 48 hear which filter removed what", async () => {
    for (let n = 0; n < 4; n++) await world.provider({ gpus: 4 });
    const renters = await Promise.all(Array.from({ length: 64 }, (_, n) => world.customer(n + 1)));
    const results = await Promise.allSettled(
      renters.map((renter) => rentGpu(world.deps, renter, wish(), unkeyed(null))),
    );
    expect(results.filter((r) => r.status === "fulfilled")).toHaveLength(16);
    const refusals = results.flatMap((r) => (r.status === "rejected" ? [r.reason] : []));
    expect(refusals).toHaveLength(48);
    for (const refusal of refusals) {
      if (!isAppError(refusal)) throw refusal;
      expect(refusal.code).toBe("no-capacity");
      expect(refusal.extras.removed).toEqual({ gpu_count: 4 });
      expect(refusal.detail).toContain("gpu_count");
    }
    expect(await expectSound(world.db)).toEqual([]);
  }, 60_000);

  test("20 twins with one key get one job; another body under it is refused", async () => {
    await world.provider({ gpus: 8 });
    const renter = await world.customer(1);
    const twin = { key: "twins-1", request: { a: 1 } };
    const jobs = await Promise.all(Array.from({ length: 20 }, () => rentGpu(world.deps, renter, wish(), twin)));
    expect(new Set(jobs.map((job) => job.jobId)).size).toBe(1);
    await expect(rentGpu(world.deps, renter, wish(), { key: "twins-1", request: { a: 2 } })).rejects.toMatchObject({
      code: "idempotency-mismatch",
    });
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("a twin of the renter of the very last GPU is not told that none is left", async () => {
    await world.provider({ gpus: 1 });
    const renter = await world.customer(1);
    const twin = { key: "last-1", request: {} };
    const jobs = await Promise.all(Array.from({ length: 8 }, () => rentGpu(world.deps, renter, wish(), twin)));
    expect(new Set(jobs.map((job) => job.jobId)).size).toBe(1);
    expect((await rentGpu(world.deps, renter, wish(), twin)).jobId).toBe(jobs[0]?.jobId);
  });

  test("what cannot be paid is refused and leaves nothing", async () => {
    await world.provider();
    const poor = await world.customer(1, 100n);
    await expect(rentGpu(world.deps, poor, wish(), unkeyed(null))).rejects.toMatchObject({
      code: "insufficient-funds",
    });
    const [row] = await world.db.execute(
      sql`select (select count(*) from jobs)::int as jobs, (select count(*) from gpus where execution_id is not null)::int as held`,
    );
    expect(row).toEqual({ jobs: 0, held: 0 });
  });

  test("the estimate names what renting then chooses, at the price it then has", async () => {
    await world.provider({ name: "dear", perGpuHour: 900_000n });
    await world.provider({ name: "cheap", perGpuHour: 100_000n });
    const renter = await world.customer(1);
    const body = RentalBody.parse({ kind: "rental", gpu_type: GPU_MODEL, duration_hours: 3, ssh_public_key: KEY });
    const estimate = await estimateRental(world.deps, renter, body);
    const job = await submitRental(world.deps, renter, body, null);
    expect(job.provider_name).toBe("cheap");
    expect(estimate.chosen?.provider_name).toBe("cheap");
    expect(estimate.price_per_hour).toBe(job.price_per_hour);
    expect(job.held).toBe(estimate.hold);
  });
});

describe("the life of a rental", () => {
  async function running(hours = 2) {
    const provider = await world.provider();
    const renter = await world.customer(1);
    const { jobId, executionId } = await rentGpu(world.deps, renter, wish({ hours }), unkeyed(null));
    await world.settleRings();
    return { provider, renter, jobId, executionId };
  }

  test("is running once its cluster answers, and costs rate × seconds to the moment of the stop", async () => {
    const { renter, jobId } = await running();
    world.pass(1_234_567);
    const stopping = await stopJob(world.deps, renter, jobId);
    expect(stopping.status).toBe("running");
    world.pass(30_000);
    await world.settleRings();
    const job = await getJob(world.deps, renter, jobId);
    expect(job).toMatchObject({
      status: "stopped",
      running_seconds: 1_234,
      held: "0.000000",
      reason: { code: "stopped-by-customer" },
    });
    expect(job.cost_so_far).toBe("0.147051"); // (389000 + 4 × 10000) × 1234 / 3600 = 147051.67
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("ends when its time is over, charged for exactly what was held", async () => {
    const { renter, jobId } = await running(1);
    world.pass(HOUR + 5_000);
    await reconcileAll();
    const job = await getJob(world.deps, renter, jobId);
    expect(job).toMatchObject({ status: "expired", running_seconds: 3_600, cost_so_far: job.price_per_hour });
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("may be extended while it runs, at the same rate, up to 720 hours in all", async () => {
    const { renter, jobId } = await running(1);
    const before = await getJob(world.deps, renter, jobId);
    const keyed = await Promise.all([1, 2, 3].map(() => extendJob(world.deps, renter, jobId, 1, "extend-1")));
    for (const job of keyed) expect(job.duration_hours).toBe(2);
    const after = await getJob(world.deps, renter, jobId);
    expect(Date.parse(after.expires_at ?? "")).toBe(Date.parse(before.expires_at ?? "") + HOUR);
    await expect(extendJob(world.deps, renter, jobId, 719, null)).rejects.toMatchObject({ code: "limit-reached" });
    await stopJob(world.deps, renter, jobId);
    await expect(extendJob(world.deps, renter, jobId, 1, null)).rejects.toMatchObject({ code: "conflict" });
  });

  test("warns 15 and 5 minutes before the end, once each", async () => {
    const { jobId } = await running(1);
    for (const minutes of [44, 2, 8, 2, 1]) {
      world.pass(minutes * 60_000);
      await reconcileAll();
    }
    const rows = await world.db.execute(
      sql`select data->>'minutes' as minutes from events where subject = ${jobId} and code = 'ends-soon' order by id`,
    );
    expect(rows.map((row) => row.minutes)).toEqual(["15", "5"]);
  });

  test("is not charged for silence of its provider", async () => {
    const { provider, renter, jobId } = await running();
    world.pass(600_000);
    await offline(provider);
    world.pass(300_000);
    await reconcileAll();
    expect(await getJob(world.deps, renter, jobId)).toMatchObject({
      status: "running",
      unreachable: true,
      running_seconds: 600,
    });
    await online(provider);
    await reconcileAll();
    world.pass(60_000);
    await stopJob(world.deps, renter, jobId);
    await world.settleRings();
    expect(await getJob(world.deps, renter, jobId)).toMatchObject({
      status: "stopped",
      running_seconds: 660,
      outage_seconds: 300,
    });
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("that is lost is charged to the last sign of life", async () => {
    const { provider, renter, jobId } = await running();
    world.pass(600_000);
    await offline(provider);
    await reconcileAll();
    world.pass(11 * 60_000);
    await reconcileAll();
    expect(await getJob(world.deps, renter, jobId)).toMatchObject({
      status: "failed",
      running_seconds: 600,
      reason: { code: "provider-lost", fault: "provider" },
    });
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("whose provider falls silent while starting is placed again elsewhere at the same price, uncharged", async () => {
    world.deps.cluster.onApply = { state: "starting" };
    const first = await world.provider({ perGpuHour: 100_000n });
    await world.provider({ perGpuHour: 100_000n, name: "second" });
    const renter = await world.customer(1);
    const { jobId } = await rentGpu(world.deps, renter, wish(), unkeyed(null));
    await world.settleRings();
    const chosen = await getJob(world.deps, renter, jobId);
    world.deps.cluster.onApply = { state: "ready", endpoint: { host: "127.0.0.1", port: 30_022, user: "root" } };
    await offline(chosen.provider_id);
    await reconcileAll();
    await world.settleRings();
    const job = await getJob(world.deps, renter, jobId);
    expect(job).toMatchObject({ status: "running", cost_so_far: "0.000000", price_per_hour: chosen.price_per_hour });
    expect(job.provider_id).not.toBe(chosen.provider_id);
    expect([first, job.provider_id]).toHaveLength(2);
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("that cannot be placed again gets its end and all its money back", async () => {
    world.deps.cluster.onApply = { state: "starting" };
    await world.provider();
    const renter = await world.customer(1);
    const { jobId } = await rentGpu(world.deps, renter, wish(), unkeyed(null));
    await world.settleRings();
    const { provider_id } = await getJob(world.deps, renter, jobId);
    world.deps.cluster.onApply = { state: "ready", endpoint: { host: "127.0.0.1", port: 30_022, user: "root" } };
    await offline(provider_id);
    await reconcileAll();
    expect(await getJob(world.deps, renter, jobId)).toMatchObject({
      status: "failed",
      held: "0.000000",
      reason: { code: "provider-silent" },
    });
    expect((await getBilling(world.deps, renter)).available).toBe("25.000000");
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("takes each step once, however many workers look at it at the same time", async () => {
    await world.provider();
    const renter = await world.customer(1);
    const { jobId, executionId } = await rentGpu(world.deps, renter, wish(), unkeyed(null));
    const five = async () => {
      await Promise.all(Array.from({ length: 5 }, () => reconcileExecution(world.deps, executionId)));
      world.pass(1_000);
    };
    for (let n = 0; n < 3; n++) await five();
    await stopJob(world.deps, renter, jobId);
    for (let n = 0; n < 3; n++) await five();
    const codes = await world.db.execute(sql`select code from events where subject = ${jobId} order by id`);
    expect(codes.map((row) => row.code)).toEqual([
      "rented",
      "applied",
      "ready",
      "stop-requested",
      "stopRequested",
      "gone",
      "settled",
    ]);
    expect(await getJob(world.deps, renter, jobId)).toMatchObject({ status: "stopped", held: "0.000000" });
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("that is stopped before it starts is cancelled and free", async () => {
    await world.provider();
    const renter = await world.customer(1);
    const { jobId } = await rentGpu(world.deps, renter, wish(), unkeyed(null));
    await stopJob(world.deps, renter, jobId);
    await stopJob(world.deps, renter, jobId);
    await world.settleRings();
    expect(await getJob(world.deps, renter, jobId)).toMatchObject({
      status: "cancelled",
      cost_so_far: "0.000000",
      held: "0.000000",
    });
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("of another account is not found", async () => {
    const { jobId } = await running();
    const stranger = await world.customer(2);
    const attempts = [
      () => getJob(world.deps, stranger, jobId),
      () => stopJob(world.deps, stranger, jobId),
      () => extendJob(world.deps, stranger, jobId, 1, null),
    ];
    for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: "not-found" });
  });

  test("bills in slices what it bills as a whole, fee included", async () => {
    const { provider, renter, jobId } = await running();
    for (let n = 0; n < 7; n++) {
      world.pass(601_337);
      await world.beat(provider);
      await reconcileAll();
    }
    await stopJob(world.deps, renter, jobId);
    await world.settleRings();
    const job = await getJob(world.deps, renter, jobId);
    const seconds = Math.floor((7 * 601_337) / 1000);
    expect(job.cost_so_far).toBe(money((429_000n * BigInt(seconds)) / 3600n));
    const [fees] = await world.db.execute(
      sql`select sum(amount)::text as fees from entries where book = 'platform' and owner = 'fees'`,
    );
    expect(fees?.fees).toBe(String((429_000n * BigInt(seconds)) / 3600n / 10n));
    const bookings = await world.db.execute(sql`select 1 from postings where kind = 'charge' and job_id = ${jobId}`);
    expect(bookings.length).toBeGreaterThan(5);
    expect(await expectSound(world.db)).toEqual([]);
  });
});

test("the status filter of the list agrees with the status that each job shows", async () => {
  await world.provider({ gpus: 64 });
  const renter = await world.customer(1, 1_000_000_000n);
  const reasons = ["stopped-by-customer", "expired", "killed"];
  for (const status of EXECUTION_STATUSES)
    for (const reason of reasons)
      for (const started of [true, false]) {
        const { executionId, jobId } = await rentGpu(
          world.deps,
          renter,
          wish({ gpuCount: 0, gpuModel: null, cpuCores: 1, memoryGb: 1, diskGb: 1 }),
          unkeyed(null),
        );
        await world.db.execute(
          sql`update executions set status = ${status}, reason = ${reason}, started_at = ${started ? world.deps.clock.now().toISOString() : null}::timestamptz where id = ${executionId}`,
        );
        if (started) await world.db.execute(sql`update jobs set settled_at = now() where id = ${jobId}`);
      }
  let counted = 0;
  for (const status of RENTAL_STATUSES) {
    let cursor: string | undefined;
    do {
      const page = await listJobs(world.deps, renter, { status, limit: 7, cursor });
      for (const job of page.jobs) expect(job.status).toBe(status);
      counted += page.count;
      cursor = page.next_cursor ?? undefined;
    } while (cursor);
  }
  expect(counted).toBe(EXECUTION_STATUSES.length * reasons.length * 2);
});

function money(micros: bigint): string {
  return `${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, "0")}`;
}

/** Rings everything that is live, as the sweep would over time. */
async function reconcileAll(): Promise<void> {
  const rows = await world.db.execute<{ id: `exec_${string}` }>(sql`select id from executions where settled = false`);
  for (const { id } of rows) await world.deps.queue.ring("execution.reconcile", { id });
  await world.settleRings();
}

async function offline(provider: string): Promise<void> {
  await world.db.execute(
    sql`update providers set presence = 'offline', offline_since = ${world.deps.clock.now().toISOString()}::timestamptz where id = ${provider}`,
  );
  await world.db.execute(
    sql`update offers set available = false, presence = 'offline' where provider_id = ${provider}`,
  );
}

async function online(provider: string): Promise<void> {
  await world.db.execute(sql`update providers set presence = 'online', offline_since = null where id = ${provider}`);
  await world.db.execute(sql`update offers set available = true, presence = 'online' where provider_id = ${provider}`);
}
