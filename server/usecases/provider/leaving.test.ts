// What owners do with a machine: drain it, price it, take it away.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { walletPrincipal } from "../../../domain/account/principal.ts";
import { gpus, maintenanceWindows, offers, providerPresence } from "../../../drizzle/schema/provider.ts";
import { insertNode } from "../../repos/nodes.ts";
import { driftedProviders } from "../../repos/offers.ts";
import { DAY, HOUR, type LifeWorld, lifeWorld, MINUTE, OPERATOR, OWNER } from "../../testing/life.ts";
import { expectSound } from "../../testing/sound.ts";
import { address } from "../../testing/world.ts";
import { sweepDueExecutions } from "../execution/sweep-executions.ts";
import { extendJob } from "../job/extend-job.ts";
import { getJob } from "../job/get-job.ts";
import { stopJob } from "../job/stop-job.ts";
import { announceMaintenance } from "./announce-maintenance.ts";
import { changePrice } from "./change-price.ts";
import { drainFromAgent, drainProvider } from "./drain-provider.ts";
import { removeProvider } from "./remove-provider.ts";

const STRANGER = walletPrincipal(address(77));
let world: LifeWorld;
beforeAll(async () => {
  world = await lifeWorld();
});
beforeEach(() => world.empty());
afterAll(() => world[Symbol.asyncDispose]());

const price = (gpu: bigint, cpu: bigint) => ({ price_per_gpu_hour: gpu, price_per_cpu_hour: cpu });

describe("draining", () => {
  test("a draining machine takes nothing new, what runs goes on, and resuming takes work again", async () => {
    const id = await world.provider();
    const renter = await world.customer(1);
    const { executionId } = await world.rent(renter);
    await world.settleRings();
    await drainProvider(world.deps, OWNER, id, true);
    await expect(world.rent(renter)).rejects.toMatchObject({ code: "no-capacity", extras: { removed: { status: 1 } } });
    await world.listen(10 * MINUTE, [id]);
    await world.settleRings();
    expect(await world.execution(executionId)).toMatchObject({ status: "running", desired: "run" });
    await drainProvider(world.deps, OWNER, id, false);
    await world.rent(renter);
    expect(await world.codes(id)).toEqual(["drain-started", "drain-ended"]);
    expect(await driftedProviders(world.db)).toEqual([]);
  });

  test("asking twice is asking once; a stranger's machine does not exist; an operator may drain any", async () => {
    const id = await world.provider();
    await expect(drainProvider(world.deps, STRANGER, id, true)).rejects.toMatchObject({ code: "not-found" });
    const key = { ...OPERATOR, via: "api-key", scopes: ["providers"] } as const;
    await expect(drainProvider(world.deps, key, id, true)).rejects.toMatchObject({ code: "not-found" });
    await Promise.all([1, 2, 3].map(() => drainProvider(world.deps, OPERATOR, id, true)));
    expect(await world.events(id)).toMatchObject([{ code: "drain-started", actor: OPERATOR.account }]);
  });

  test("hours are not added on a machine that drains, and the refusal says why", async () => {
    const id = await world.provider();
    const renter = await world.customer(1);
    const { jobId } = await world.rent(renter);
    await world.settleRings();
    await drainProvider(world.deps, OWNER, id, true);
    await expect(extendJob(world.deps, renter, jobId, 1, null)).rejects.toMatchObject({
      code: "conflict",
      detail: expect.stringContaining("drains"),
    });
    await drainProvider(world.deps, OWNER, id, false);
    expect((await extendJob(world.deps, renter, jobId, 1, null)).duration_hours).toBe(3);
  });

  test("the machine itself drains with a number above its last; an old one changes nothing", async () => {
    const id = await world.provider(); // its last beat had the number 1
    const renter = await world.customer(1);
    await world.rent(renter);
    const stale = drainFromAgent(world.deps, id, { seq: 1, draining: true });
    await expect(stale).rejects.toMatchObject({ code: "stale-sequence" });
    expect(await world.row(id)).toMatchObject({ drain: "none" });
    const answer = await drainFromAgent(world.deps, id, { seq: 5, draining: true });
    expect(answer).toEqual({ draining: true, live_executions: 1 });
    await expect(drainFromAgent(world.deps, id, { seq: 5, draining: false })).rejects.toMatchObject({
      code: "stale-sequence",
    });
    expect(await world.row(id)).toMatchObject({ drain: "draining" });
    expect(await world.db.select().from(providerPresence)).toMatchObject([{ seq: 5 }]);
    expect(await world.events(id)).toMatchObject([{ code: "drain-started", actor: null }]);
  });

  test("a machine that never beat can drain, and its node side is told", async () => {
    const id = await world.provider({ presence: "unseen", runtime: "kubernetes" });
    await world.db.delete(providerPresence);
    await world.db.transaction((tx) => insertNode(tx, id, "a-node"));
    await drainFromAgent(world.deps, id, { seq: 1, draining: true });
    expect(await world.row(id)).toMatchObject({ drain: "draining", presence: "unseen" });
    expect(world.rings).toEqual([{ name: "node.reconcile", payload: { id } }]);
  });
});

describe("prices", () => {
  test("a new price is for new jobs: what runs keeps its rate, to the micro, extensions too", async () => {
    const id = await world.provider({ perGpuHour: 1_000_000n, perCpuHour: 0n });
    const renter = await world.customer(1);
    const { jobId } = await world.rent(renter, { hours: 2 });
    await world.settleRings();
    await world.skip(30 * MINUTE, [id]);
    await changePrice(world.deps, OWNER, id, price(7_000_000n, 1_000_000n));
    const dear = await getJob(world.deps, renter, (await world.rent(renter, { hours: 1 })).jobId);
    expect(dear.price_per_hour).toBe("11.000000"); // four cores with its GPU
    await extendJob(world.deps, renter, jobId, 1, null);
    await world.settleRings();
    await world.skip(2 * HOUR + 30 * MINUTE, [id]);
    await world.settleRings();
    await stopJob(world.deps, renter, jobId);
    await world.settleRings();
    expect(await getJob(world.deps, renter, jobId)).toMatchObject({
      price_per_hour: "1.000000",
      cost_so_far: "3.000000",
    });
    expect(await world.events(id)).toMatchObject([
      { code: "price-changed", actor: OWNER.account, data: { price_per_gpu_hour: "7.000000" } },
    ]);
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("the market shows the new price at once; the same price again is no event; strangers change none", async () => {
    const id = await world.provider();
    await changePrice(world.deps, OWNER, id, price(5n, 6n));
    await changePrice(world.deps, OWNER, id, price(5n, 6n));
    expect(await world.codes(id)).toEqual(["price-changed"]);
    for (const offer of await world.db.select().from(offers))
      expect(offer).toMatchObject({ pricePerGpuHour: 5n, pricePerCpuHour: 6n });
    await expect(changePrice(world.deps, STRANGER, id, price(1n, 1n))).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("removal", () => {
  test("nothing is removed under a customer: the refusal says how many live there, until when, and what to do", async () => {
    const id = await world.provider();
    const renter = await world.customer(1);
    const { jobId, executionId } = await world.rent(renter);
    await world.rent(renter);
    await world.settleRings();
    const { expiresAt } = await world.execution(executionId);
    await expect(removeProvider(world.deps, OWNER, id)).rejects.toMatchObject({
      code: "conflict",
      detail: expect.stringMatching(new RegExp(`^2 executions live .*${expiresAt?.toISOString()}\\. Drain it first`)),
    });
    await drainProvider(world.deps, OWNER, id, true);
    await stopJob(world.deps, renter, jobId);
    await world.settleRings();
    await expect(removeProvider(world.deps, OWNER, id)).rejects.toMatchObject({
      code: "conflict",
      detail: expect.stringMatching(/^1 execution lives .*It drains/),
    });
    await world.skip(3 * HOUR, [id]);
    await sweepDueExecutions(world.deps);
    await world.settleRings();
    await sweepDueExecutions(world.deps);
    await world.settleRings();
    await removeProvider(world.deps, OWNER, id);
    expect((await world.row(id)).admission).toBe("removed");
  });

  test("a removed machine has no GPU, no offer and no window; its node side is told; it is never heard again", async () => {
    const id = await world.provider({ runtime: "kubernetes" });
    await world.db.transaction((tx) => insertNode(tx, id, "a-node"));
    const at = (ms: number) => new Date(world.deps.clock.now().getTime() + ms).toISOString();
    const wish = { starts_at: at(2 * DAY), ends_at: at(2 * DAY + HOUR), reason: "a new fan" };
    await announceMaintenance(world.deps, OWNER, id, wish, null);
    await expect(removeProvider(world.deps, STRANGER, id)).rejects.toMatchObject({ code: "not-found" });
    await removeProvider(world.deps, OWNER, id);
    expect(await world.row(id)).toMatchObject({ admission: "removed" });
    expect((await world.db.select().from(gpus)).some(({ present }) => present)).toBe(false);
    expect(await world.db.select().from(offers)).toEqual([]);
    expect(await world.db.select().from(maintenanceWindows)).toMatchObject([{ cancelled: true }]);
    expect(world.rings).toContainEqual({ name: "node.reconcile", payload: { id } });
    expect(await driftedProviders(world.db)).toEqual([]);
    await world.silence();
    await world.back(id);
    expect(await world.row(id)).toMatchObject({ presence: "online", reputation: 100 });
    for (const again of [
      () => removeProvider(world.deps, OWNER, id),
      () => drainProvider(world.deps, OWNER, id, true),
      () => changePrice(world.deps, OWNER, id, price(1n, 1n)),
      () => announceMaintenance(world.deps, OWNER, id, wish, null),
    ])
      await expect(again()).rejects.toMatchObject({ code: "conflict" });
    await expect(drainFromAgent(world.deps, id, { seq: 99, draining: true })).rejects.toMatchObject({
      code: "not-found",
    });
  });

  test("of a removal and a rental at once, one is refused", async () => {
    for (let round = 0; round < 5; round++) {
      await world.empty();
      const id = await world.provider();
      const renter = await world.customer(1);
      const both = await Promise.allSettled([
        world.rent(renter, { providerId: id }),
        removeProvider(world.deps, OWNER, id),
      ]);
      expect(both.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect(await expectSound(world.db)).toEqual([]);
    }
  });
});
