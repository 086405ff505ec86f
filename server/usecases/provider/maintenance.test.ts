// Announced maintenance: what it keeps away, what it excuses, and when it is over.
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { walletPrincipal } from "../../../domain/account/principal.ts";
import type { MaintenanceId, ProviderId } from "../../../domain/ids.ts";
import { downtimes, maintenanceWindows, offers, reputationEvents } from "../../../drizzle/schema/provider.ts";
import type { MaintenanceView } from "../../../protocol/provider-views.ts";
import { driftedProviders } from "../../repos/offers.ts";
import { DAY, HOUR, type LifeWorld, lifeWorld, MINUTE, OPERATOR, OWNER } from "../../testing/life.ts";
import { expectSound } from "../../testing/sound.ts";
import { address } from "../../testing/world.ts";
import { sweepDueExecutions } from "../execution/sweep-executions.ts";
import { extendJob } from "../job/extend-job.ts";
import { getJob } from "../job/get-job.ts";
import { announceMaintenance, cancelMaintenance } from "./announce-maintenance.ts";
import { drainProvider } from "./drain-provider.ts";
import { sweepMaintenance } from "./sweep-maintenance.ts";
import { sweepSilentProviders } from "./sweep-silent-providers.ts";

let world: LifeWorld;
beforeAll(async () => {
  world = await lifeWorld();
});
beforeEach(() => world.empty());
afterAll(() => world[Symbol.asyncDispose]());

const inMs = (ms: number) => new Date(world.deps.clock.now().getTime() + ms).toISOString();
/** A window so many ms from now. */
function announce(id: ProviderId, from: number, to: number, key: string | null = null, who = OWNER) {
  const wish = { starts_at: inMs(from), ends_at: inMs(to), reason: "a new power supply" };
  return announceMaintenance(world.deps, who, id, wish, key);
}
// The database wrote the id.
const idOf = ({ id }: MaintenanceView) => id as MaintenanceId;
const losses = async () => (await world.db.select().from(reputationEvents)).filter(({ delta }) => delta < 0);
async function reconcileAll() {
  for (let n = 0; n < 3; n++) {
    await sweepDueExecutions(world.deps);
    await world.settleRings();
  }
}

describe("announcing", () => {
  test("a twin with the same key announces nothing twice, and is told the same", async () => {
    const id = await world.provider();
    const wish = { starts_at: inMs(DAY), ends_at: inMs(DAY + HOUR), reason: "a fan" };
    const both = await Promise.all([1, 2].map(() => announceMaintenance(world.deps, OWNER, id, wish, "k")));
    expect(both[0]).toEqual(both[1]);
    expect(both[0]).toMatchObject({ ...wish, open: false });
    expect(await world.db.select().from(maintenanceWindows)).toHaveLength(1);
    expect(await world.codes(id)).toEqual(["maintenance-announced"]);
    const other = announceMaintenance(world.deps, OWNER, id, { ...wish, reason: "other" }, "k");
    await expect(other).rejects.toMatchObject({ code: "idempotency-mismatch" });
  });

  test("what the policy does not allow is refused by its field, and nothing is written", async () => {
    const id = await world.provider();
    await announce(id, 2 * DAY, 2 * DAY + 3 * HOUR);
    for (const [from, to, field] of [
      [DAY - MINUTE, DAY + HOUR, "starts_at"],
      [DAY, DAY + 5 * HOUR, "ends_at"],
      [2 * DAY + HOUR, 2 * DAY + 2 * HOUR, "starts_at"],
      [9 * DAY, 9 * DAY + 2 * HOUR, "ends_at"],
      [61 * DAY, 61 * DAY + HOUR, "starts_at"],
    ] as const)
      await expect(announce(id, from, to)).rejects.toMatchObject({
        code: "bad-request",
        extras: { fields: [{ field }] },
      });
    await announce(id, 40 * DAY, 40 * DAY + 2 * HOUR);
    const stranger = walletPrincipal(address(77));
    await expect(announce(id, 50 * DAY, 50 * DAY + HOUR, null, stranger)).rejects.toMatchObject({ code: "not-found" });
    expect(await world.db.select().from(maintenanceWindows)).toHaveLength(2);
  });

  test("two that overlap, announced at once, do not both stand", async () => {
    const id = await world.provider();
    const both = await Promise.allSettled([announce(id, DAY, DAY + HOUR), announce(id, DAY + 1, DAY + HOUR)]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("no work is taken that could reach into a window; shorter work is, and the refusal says so", async () => {
    const id = await world.provider();
    const renter = await world.customer(1, 100_000_000n);
    await announce(id, DAY, DAY + HOUR);
    await expect(world.rent(renter, { hours: 24 })).rejects.toMatchObject({
      code: "no-capacity",
      extras: { removed: { duration: 1 } },
      detail: expect.stringContaining("before announced maintenance (duration)"),
    });
    await world.rent(renter, { hours: 23 });
    const other = await world.provider({ perGpuHour: 900_000n });
    const { jobId } = await world.rent(renter, { hours: 24 });
    expect((await getJob(world.deps, renter, jobId)).provider_id).toBe(other);
    expect(await driftedProviders(world.db)).toEqual([]);
  });

  test("of an announcement and a rental at once, the rental is before it and told, or does not reach into it", async () => {
    for (let round = 0; round < 5; round++) {
      await world.empty();
      const id = await world.provider();
      const renter = await world.customer(1, 100_000_000n);
      const [rented] = await Promise.allSettled([
        world.rent(renter, { providerId: id, hours: 48 }),
        announce(id, DAY, DAY + HOUR),
      ]);
      if (rented.status === "fulfilled")
        expect(await world.codes(rented.value.jobId)).toEqual(["rented", "maintenance-announced"]);
    }
  });

  test("a rental that runs before the announcement is told, and is sold no hours inside the window", async () => {
    const id = await world.provider();
    const renter = await world.customer(1, 100_000_000n);
    const long = await world.rent(renter, { hours: 30 });
    const short = await world.rent(renter, { hours: 20 });
    await world.settleRings();
    const window = await announce(id, DAY, DAY + HOUR);
    expect(await world.codes(long.jobId)).toContain("maintenance-announced");
    expect(await world.codes(short.jobId)).not.toContain("maintenance-announced");
    await expect(extendJob(world.deps, renter, short.jobId, 5, null)).rejects.toMatchObject({
      code: "conflict",
      detail: expect.stringContaining("4 h more would end before it"),
    });
    await extendJob(world.deps, renter, short.jobId, 4, null);
    await extendJob(world.deps, renter, long.jobId, 5, null); // those hours are after it
    await cancelMaintenance(world.deps, OWNER, id, idOf(window));
    expect(await world.codes(long.jobId)).toContain("maintenance-cancelled");
    await extendJob(world.deps, renter, short.jobId, 5, null);
  });
});

describe("the window", () => {
  test("it opens and closes on time, whoever sweeps and however often, and a lost sweep is only late", async () => {
    const id = await world.provider();
    await announce(id, DAY, DAY + HOUR);
    expect(await sweepMaintenance(world.deps)).toBe(0);
    world.pass(DAY);
    const opened = await Promise.all([1, 2, 3].map(() => sweepMaintenance(world.deps)));
    expect(opened.reduce((sum, n) => sum + n, 0)).toBe(1);
    expect(await world.row(id)).toMatchObject({ drain: "maintenance" });
    expect((await world.db.select().from(offers))[0]).toMatchObject({ available: false, drain: "maintenance" });
    world.pass(3 * HOUR);
    const closed = await Promise.all([1, 2, 3].map(() => sweepMaintenance(world.deps)));
    expect(closed.reduce((sum, n) => sum + n, 0)).toBe(1);
    expect(await world.row(id)).toMatchObject({ drain: "none" });
    expect((await world.db.select().from(offers))[0]).toMatchObject({ available: true, busyFrom: null });
    expect(await world.codes(id)).toEqual(["maintenance-announced", "maintenance-started", "maintenance-ended"]);
    expect(await driftedProviders(world.db)).toEqual([]);
  });

  test("a window that nobody swept in time was a window all the same: it closes without opening", async () => {
    const id = await world.provider();
    await announce(id, DAY, DAY + HOUR);
    world.pass(2 * DAY);
    expect(await sweepMaintenance(world.deps)).toBe(1);
    expect(await world.row(id)).toMatchObject({ drain: "none" });
    expect(await world.codes(id)).toEqual(["maintenance-announced", "maintenance-ended"]);
  });

  test("a drain of the owner outlives the window; resuming inside it leaves the machine in maintenance", async () => {
    const id = await world.provider();
    await announce(id, DAY, DAY + HOUR);
    world.pass(DAY);
    await sweepMaintenance(world.deps);
    await expect(drainProvider(world.deps, OWNER, id, false)).rejects.toMatchObject({ code: "conflict" });
    await drainProvider(world.deps, OWNER, id, true);
    await sweepMaintenance(world.deps);
    expect(await world.row(id)).toMatchObject({ drain: "draining" });
    await drainProvider(world.deps, OWNER, id, false);
    expect(await world.row(id)).toMatchObject({ drain: "maintenance" });
    await drainProvider(world.deps, OWNER, id, true);
    world.pass(2 * HOUR);
    await sweepMaintenance(world.deps);
    expect(await world.row(id)).toMatchObject({ drain: "draining" });
  });

  test("cancelling one that is open takes work again at once; it cannot be cancelled twice or when it is over", async () => {
    const id = await world.provider();
    const first = idOf(await announce(id, DAY, DAY + HOUR));
    const second = idOf(await announce(id, 2 * DAY, 2 * DAY + HOUR));
    const strange = world.deps.ids.next("mnt");
    await expect(cancelMaintenance(world.deps, OWNER, id, strange)).rejects.toMatchObject({ code: "not-found" });
    world.pass(DAY);
    await sweepMaintenance(world.deps);
    await cancelMaintenance(world.deps, OPERATOR, id, first);
    expect(await world.row(id)).toMatchObject({ drain: "none" });
    await expect(cancelMaintenance(world.deps, OWNER, id, first)).rejects.toMatchObject({ code: "conflict" });
    world.pass(DAY + HOUR);
    await expect(cancelMaintenance(world.deps, OWNER, id, second)).rejects.toMatchObject({ code: "conflict" });
    expect(await driftedProviders(world.db)).toEqual([]);
  });
});

describe("silence", () => {
  test("inside a window it costs nothing, is shown as offline, and is a downtime all the same", async () => {
    const id = await world.provider();
    await announce(id, DAY, DAY + HOUR);
    await world.skip(DAY, [id]);
    await sweepMaintenance(world.deps);
    expect(await world.silence()).toBe(1);
    expect(await world.row(id)).toMatchObject({ presence: "offline", offlinePenalised: false, reputation: 100 });
    expect((await world.events(id)).at(-1)).toMatchObject({ code: "provider-offline", data: { excused: true } });
    await world.listen(30 * MINUTE);
    await sweepSilentProviders(world.deps);
    await world.back(id);
    expect(await world.row(id)).toMatchObject({ presence: "online", reputation: 100, offlineSince: null });
    expect(await losses()).toEqual([]);
    expect(await world.db.select().from(downtimes)).toMatchObject([{ endedAt: world.deps.clock.now() }]);
  });

  test("what outlasts the window by two minutes costs once, and not a moment earlier", async () => {
    const id = await world.provider();
    await announce(id, DAY, DAY + HOUR);
    await world.skip(DAY, [id]);
    await sweepMaintenance(world.deps);
    await world.silence();
    const left = DAY + HOUR - (world.deps.clock.now().getTime() - (await began()));
    await world.listen(left + 2 * MINUTE - 5_000);
    await sweepMaintenance(world.deps);
    await sweepSilentProviders(world.deps);
    expect(await losses()).toEqual([]);
    await world.listen(5_000);
    await Promise.all([1, 2, 3].map(() => sweepSilentProviders(world.deps)));
    expect(await losses()).toMatchObject([{ delta: -20, reason: "offline" }]);
    await world.listen(HOUR);
    await sweepSilentProviders(world.deps);
    expect(await losses()).toHaveLength(1);
    expect((await world.row(id)).reputation).toBe(80);
    expect(await world.codes(id)).toContain("maintenance-outlasted");
    expect(await driftedProviders(world.db)).toEqual([]);
  });

  test("two minutes of it before the window opened cost as ever", async () => {
    const id = await world.provider();
    await announce(id, DAY, DAY + HOUR);
    await world.skip(DAY - 3 * MINUTE, [id]);
    await world.silence();
    expect(await losses()).toHaveLength(1);
    await world.listen(2 * HOUR);
    await sweepSilentProviders(world.deps);
    expect(await losses()).toHaveLength(1);
  });

  test("a window that is cancelled while the machine is away excuses nothing from there on", async () => {
    const id = await world.provider();
    const window = idOf(await announce(id, DAY, DAY + 4 * HOUR));
    await world.skip(DAY, [id]);
    await world.silence();
    expect(await losses()).toEqual([]);
    await cancelMaintenance(world.deps, OWNER, id, window);
    await world.listen(2 * MINUTE - 5_000);
    await sweepSilentProviders(world.deps);
    expect(await losses()).toEqual([]);
    await world.listen(5_000);
    await sweepSilentProviders(world.deps);
    expect(await losses()).toHaveLength(1);
  });

  test("a pause of the broker after the window costs nobody: the two minutes begin when it listens again", async () => {
    const id = await world.provider();
    await announce(id, DAY, DAY + HOUR);
    await world.skip(DAY, [id]);
    await world.silence();
    await world.skip(DAY); // nobody listened
    await sweepSilentProviders(world.deps);
    await world.listen(MINUTE);
    await sweepSilentProviders(world.deps);
    expect(await losses()).toEqual([]);
    await world.listen(2 * MINUTE);
    await sweepSilentProviders(world.deps);
    expect(await losses()).toHaveLength(1);
  });

  test("a rental is not given up inside the window, nor charged while it is out of reach", async () => {
    const id = await world.provider({ perGpuHour: 1_000_000n, perCpuHour: 0n });
    const renter = await world.customer(1, 100_000_000n);
    const { jobId, executionId } = await world.rent(renter, { hours: 30 });
    await world.settleRings();
    await announce(id, DAY, DAY + 2 * HOUR);
    await world.skip(DAY, [id]);
    await sweepMaintenance(world.deps);
    await world.silence();
    await reconcileAll();
    expect((await world.execution(executionId)).status).toBe("unreachable");
    await world.listen(HOUR);
    await reconcileAll();
    expect((await world.execution(executionId)).status).toBe("unreachable");
    await world.back(id);
    await reconcileAll();
    expect((await world.execution(executionId)).status).toBe("running");
    const { cost_so_far: cost, outage_seconds: outage } = await getJob(world.deps, renter, jobId);
    expect(cost).toBe("24.000000");
    expect(outage).toBe(3600 + 130);
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("a rental whose machine stays away beyond the window is given up then, charged to the last sign of life", async () => {
    const id = await world.provider({ perGpuHour: 1_000_000n, perCpuHour: 0n });
    const renter = await world.customer(1, 100_000_000n);
    const { jobId, executionId } = await world.rent(renter, { hours: 30 });
    await world.settleRings();
    await announce(id, DAY, DAY + 2 * HOUR);
    await world.skip(DAY, [id]);
    await world.silence();
    await reconcileAll();
    await world.listen(2 * HOUR - 3 * MINUTE);
    await reconcileAll();
    expect((await world.execution(executionId)).status).toBe("unreachable");
    await world.listen(MINUTE);
    await sweepMaintenance(world.deps);
    await reconcileAll();
    expect(await getJob(world.deps, renter, jobId)).toMatchObject({
      status: "failed",
      reason: { code: "provider-lost" },
      cost_so_far: "24.000000",
    });
    expect(await expectSound(world.db)).toEqual([]);
  });
});

/** When the world of this test began, in ms. */
async function began(): Promise<number> {
  const [row] = await world.db.execute<{ at: string }>(sql`select min(created_at) as at from providers`);
  return new Date(row?.at ?? 0).getTime();
}
