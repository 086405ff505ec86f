// Operators decide, and what they decide holds at once.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { walletPrincipal } from "../../../domain/account/principal.ts";
import { insertNode } from "../../repos/nodes.ts";
import { driftedProviders, recomputeOffers } from "../../repos/offers.ts";
import { type LifeWorld, lifeWorld, MINUTE, OPERATOR, OWNER } from "../../testing/life.ts";
import { expectSound } from "../../testing/sound.ts";
import { address } from "../../testing/world.ts";
import { getJob } from "../job/get-job.ts";
import { approveProvider, rejectProvider, suspendProvider } from "./decide-admission.ts";

let world: LifeWorld;
beforeAll(async () => {
  world = await lifeWorld();
});
beforeEach(() => world.empty());
afterAll(() => world[Symbol.asyncDispose]());

async function pending() {
  const id = await world.provider({ admission: "pending" });
  await world.db.transaction((tx) => recomputeOffers(tx, id));
  return id;
}

test("only operators decide, and only with their wallet", async () => {
  const id = await pending();
  const stranger = walletPrincipal(address(77));
  const key = { ...OPERATOR, via: "api-key", scopes: ["read", "providers"] } as const;
  for (const decide of [approveProvider, (...of: Parameters<typeof approveProvider>) => rejectProvider(...of, "no")]) {
    await expect(decide(world.deps, OWNER, id)).rejects.toMatchObject({ code: "forbidden" });
    await expect(decide(world.deps, stranger, id)).rejects.toMatchObject({ code: "forbidden" });
    await expect(decide(world.deps, key, id)).rejects.toMatchObject({ code: "missing-scope" });
  }
  expect(await world.row(id)).toMatchObject({ admission: "pending" });
});

test("a machine that waits takes no work until it is approved; the decision names who took it", async () => {
  const id = await pending();
  const renter = await world.customer(1);
  await expect(world.rent(renter)).rejects.toMatchObject({ code: "no-capacity", extras: { removed: { status: 1 } } });
  await approveProvider(world.deps, OPERATOR, id);
  await world.rent(renter);
  expect(await world.events(id)).toMatchObject([
    { code: "provider-approved", actor: OPERATOR.account, data: { from: "pending" } },
  ]);
  expect(await driftedProviders(world.db)).toEqual([]);
});

test("a rejection keeps its reason and can be taken back; a decision that makes no sense is a conflict", async () => {
  const id = await pending();
  await expect(suspendProvider(world.deps, OPERATOR, id, "x")).rejects.toMatchObject({ code: "conflict" });
  await rejectProvider(world.deps, OPERATOR, id, "The GPUs are not what they say.");
  expect(await world.row(id)).toMatchObject({
    admission: "rejected",
    admissionReason: "The GPUs are not what they say.",
  });
  await expect(rejectProvider(world.deps, OPERATOR, id, "again")).rejects.toMatchObject({ code: "conflict" });
  await approveProvider(world.deps, OPERATOR, id);
  expect(await world.row(id)).toMatchObject({ admission: "approved", admissionReason: "" });
  await expect(approveProvider(world.deps, OPERATOR, id)).rejects.toMatchObject({ code: "conflict" });
  const nobody = world.deps.ids.next("prov");
  await expect(approveProvider(world.deps, OPERATOR, nobody)).rejects.toMatchObject({ code: "not-found" });
});

test("a suspension ends what runs, charges no further, gives the rest back and says whose fault it is", async () => {
  const id = await world.provider({ perGpuHour: 1_000_000n, perCpuHour: 0n });
  const renter = await world.customer(1);
  const { jobId, executionId } = await world.rent(renter, { hours: 2 });
  await world.settleRings();
  await world.skip(30 * MINUTE, [id]);
  await suspendProvider(world.deps, OPERATOR, id, "It mined while rented.");
  expect(world.rings).toContainEqual({ name: "execution.reconcile", payload: { id: executionId } });
  await world.skip(7 * MINUTE, [id]); // the machine takes its time: that is not the customer's
  await world.settleRings();
  expect(await world.execution(executionId)).toMatchObject({ status: "stopped", reason: "provider-suspended" });
  expect(await getJob(world.deps, renter, jobId)).toMatchObject({
    status: "stopped",
    cost_so_far: "0.500000",
    held: "0.000000",
    reason: { code: "provider-suspended", fault: "provider" },
  });
  expect(await world.codes(jobId)).toContain("stop-requested");
  await expect(world.rent(renter)).rejects.toMatchObject({ code: "no-capacity" });
  expect(await expectSound(world.db)).toEqual([]);
});

test("what had not begun to run on a suspended machine runs elsewhere, uncharged so far", async () => {
  const bad = await world.provider({ perGpuHour: 100_000n });
  const renter = await world.customer(1);
  world.deps.cluster.onApply = { state: "starting" };
  const starting = await world.rent(renter);
  await world.settleRings();
  const scheduled = await world.rent(renter);
  const good = await world.provider({ perGpuHour: 100_000n });
  await suspendProvider(world.deps, OPERATOR, bad, "gone wrong");
  world.deps.cluster.onApply = { state: "ready", endpoint: { host: "127.0.0.1", port: 30_022, user: "root" } };
  await world.settleRings();
  for (const { jobId } of [starting, scheduled]) {
    const job = await getJob(world.deps, renter, jobId);
    expect(job).toMatchObject({ status: "running", provider_id: good });
  }
  expect(await expectSound(world.db)).toEqual([]);
});

test("of a suspension and a rental at once, either the rental is refused or it is ended", async () => {
  for (let round = 0; round < 5; round++) {
    await world.empty();
    const id = await world.provider();
    const renter = await world.customer(1);
    const [rented] = await Promise.allSettled([
      world.rent(renter, { providerId: id }),
      suspendProvider(world.deps, OPERATOR, id, "now"),
    ]);
    await world.settleRings();
    if (rented.status === "fulfilled") expect((await world.job(rented.value.jobId)).reason).toBe("provider-suspended");
    expect(await expectSound(world.db)).toEqual([]);
  }
});

test("of two operators at once one decides, and the other hears of a conflict", async () => {
  const id = await pending();
  const both = await Promise.allSettled([
    rejectProvider(world.deps, OPERATOR, id, "a"),
    rejectProvider(world.deps, OPERATOR, id, "b"),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(await world.codes(id)).toEqual(["provider-rejected"]);
});

test("approving a node wakes its node side", async () => {
  const id = await world.provider({ admission: "pending", runtime: "kubernetes" });
  await world.db.transaction((tx) => insertNode(tx, id, "a-node"));
  await approveProvider(world.deps, OPERATOR, id);
  expect(world.rings).toContainEqual({ name: "node.reconcile", payload: { id } });
});

test("a machine that was not admitted promised nothing: its silence costs nothing, and none is owed later", async () => {
  const id = await pending();
  expect(await world.silence()).toBe(1);
  expect(await world.row(id)).toMatchObject({ presence: "offline", reputation: 100 });
  await approveProvider(world.deps, OPERATOR, id);
  await world.listen(10 * MINUTE);
  await world.silence();
  expect((await world.row(id)).reputation).toBe(100);
});
