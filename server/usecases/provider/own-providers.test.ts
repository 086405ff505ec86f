// What owners read about their machines: sums that the ledger has, time that really passed, and nobody else's things.
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { walletPrincipal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { gpus, providerNodes, providerPresence, providers } from "../../../drizzle/schema/provider.ts";
import { OwnProviderView, ProviderEventView, ReputationEventView } from "../../../protocol/provider-views.ts";
import { insertNode } from "../../repos/nodes.ts";
import { DAY, HOUR, type LifeWorld, lifeWorld, MINUTE, OPERATOR, OWNER } from "../../testing/life.ts";
import { address } from "../../testing/world.ts";
import { stopJob } from "../job/stop-job.ts";
import { announceMaintenance } from "./announce-maintenance.ts";
import { appealReputation } from "./appeal-reputation.ts";
import { createEnrolmentToken } from "./create-enrolment-token.ts";
import { lastDaysEarned, listEarnings } from "./earnings.ts";
import { fleetTotals } from "./fleet-totals.ts";
import { followEnrolment } from "./follow-enrolment.ts";
import { getOwnProvider } from "./get-own-provider.ts";
import { listOwnProviders } from "./list-own-providers.ts";
import { listProviderEvents } from "./list-provider-events.ts";
import { listReputation } from "./list-reputation.ts";
import { removeProvider } from "./remove-provider.ts";

let world: LifeWorld;
beforeAll(async () => {
  world = await lifeWorld();
});
beforeEach(() => world.empty());
afterAll(() => world[Symbol.asyncDispose]());

const STRANGER = walletPrincipal(address(77));
const read = async (id: ProviderId, who = OWNER) => getOwnProvider(world.deps, who, id);

/** A rental that ran for so long and was stopped. */
async function earn(n: number, id: ProviderId, ms: number) {
  const renter = await world.customer(n);
  const { jobId } = await world.rent(renter, { providerId: id, hours: 2 });
  await world.settleRings();
  await world.skip(ms, [id]);
  await stopJob(world.deps, renter, jobId);
  await world.settleRings();
  world.deps.cluster.seen.clear();
  await world.settleRings();
}

test("a machine is its owner's and operators' to read; for a stranger it does not exist", async () => {
  const id = await world.provider({});
  expect(OwnProviderView.parse(await read(id))).toMatchObject({ id, status: "available", presence: "online" });
  expect(await read(id, OPERATOR)).toMatchObject({ id });
  const key = { ...OPERATOR, via: "api-key", scopes: ["read"] } as const;
  for (const who of [STRANGER, key]) {
    await expect(read(id, who)).rejects.toMatchObject({ code: "not-found" });
    await expect(listProviderEvents(world.deps, who, id, {})).rejects.toMatchObject({ code: "not-found" });
    await expect(lastDaysEarned(world.deps, who, id, 3)).rejects.toMatchObject({ code: "not-found" });
    await expect(listEarnings(world.deps, who, id, {})).rejects.toMatchObject({ code: "not-found" });
  }
  await expect(read(world.deps.ids.next("prov"))).rejects.toMatchObject({ code: "not-found" });
});

test("an owner lists its own machines, newest first, a page at a time, without those it removed", async () => {
  const ids: ProviderId[] = [];
  for (let n = 0; n < 3; n++) {
    world.pass(10);
    ids.unshift(await world.provider({}));
  }
  await world.provider({ owner: STRANGER.account });
  const [newest, middle, oldest] = ids;
  const first = await listOwnProviders(world.deps, OWNER, { limit: 2 });
  expect(first.providers.map(({ id }) => id)).toEqual([newest, middle]);
  const next = await listOwnProviders(world.deps, OWNER, { limit: 2, cursor: first.next_cursor ?? "" });
  expect(next).toMatchObject({ providers: [{ id: oldest }], count: 1, next_cursor: null });
  if (newest) await removeProvider(world.deps, OWNER, newest);
  expect((await listOwnProviders(world.deps, OWNER, {})).providers.map(({ id }) => id)).toEqual([middle, oldest]);
});

test("earned is what the ledger booked for the jobs that ran there: after the fee, promotion apart, per machine", async () => {
  const [one, two] = [
    await world.provider({ perGpuHour: 1_000_000n, perCpuHour: 0n }),
    await world.provider({ perGpuHour: 2_000_000n, perCpuHour: 0n }),
  ];
  await earn(1, one, 30 * MINUTE);
  await earn(2, two, 30 * MINUTE);
  expect(await read(one)).toMatchObject({ earned: "0.450000", earned_promotion: "0.450000", executions: [] });
  expect(await read(two)).toMatchObject({ earned: "0.900000", earned_promotion: "0.900000" });
  const days = await lastDaysEarned(world.deps, OWNER, two, 3);
  expect(days.map(({ earned }) => earned)).toEqual(["0.000000", "0.000000", "0.900000"]);
  expect(days.at(-1)?.day).toBe(world.deps.clock.now().toISOString().slice(0, 10));
});

test("what runs there is shown without a word about its customer", async () => {
  const id = await world.provider({});
  const renter = await world.customer(1);
  const { executionId } = await world.rent(renter, { name: "secret-project", env: { TOKEN: "hush" } });
  await world.settleRings();
  const view = await read(id);
  expect(view.executions).toMatchObject([{ id: executionId, status: "running", gpu_count: 1, cpu_cores: 4 }]);
  expect(view.gpu_list.filter(({ execution_id }) => execution_id === executionId)).toHaveLength(1);
  expect(JSON.stringify(view)).not.toMatch(new RegExp(`secret-project|hush|${renter.account}`));
});

test("uptime counts from the first sight, leaves announced maintenance out, and goes on while it is out of reach", async () => {
  const id = await world.provider({ presence: "unseen" });
  expect(await read(id)).toMatchObject({ uptime: null, downtimes: [] });
  await world.back(id);
  await announceMaintenance(
    world.deps,
    OWNER,
    id,
    {
      starts_at: new Date(world.deps.clock.now().getTime() + 25 * HOUR).toISOString(),
      ends_at: new Date(world.deps.clock.now().getTime() + 26 * HOUR).toISOString(),
      reason: "a new disk",
    },
    null,
  );
  await world.skip(4 * HOUR - 130_000, [id]);
  await world.silence(); // from 4 h − 130 s on
  world.pass(HOUR);
  const view = await read(id);
  expect(view.downtime_seconds).toBe(3730);
  expect(view.uptime).toBeCloseTo(1 - 3730 / (5 * 3600), 6);
  expect(view.downtimes).toMatchObject([{ ended_at: null }]);
  expect(view.maintenance).toMatchObject([{ reason: "a new disk", open: false }]);
  expect(view.notices[0]).toContain("systemctl status berth-agent");
  world.pass(25 * HOUR); // through the window
  expect((await read(id)).downtime_seconds).toBe(3730 + 24 * 3600);
});

test("usage is of the last beat, by GPU; a GPU that is gone or a machine out of reach shows none", async () => {
  const id = await world.provider({ gpus: 2 });
  const [first, second] = await world.db.select().from(gpus).where(eq(gpus.providerId, id)).orderBy(gpus.index);
  const used = [first, second].map((gpu) => ({
    uuid: gpu?.uuid,
    utilization_percent: 93,
    memory_used_mb: 19_000,
  }));
  const usage = { cpu_percent: 41.5, memory_used_mb: 30_000, gpus: used };
  await world.db.update(providerPresence).set({ usage }).where(eq(providerPresence.providerId, id));
  await world.db
    .update(gpus)
    .set({ present: false })
    .where(eq(gpus.id, second?.id ?? "gpu_"));
  const view = await read(id);
  expect(view.usage).toEqual({ cpu_percent: 41.5, memory_used_mb: 30_000 });
  expect(view.gpu_list).toMatchObject([
    { index: 0, utilization_percent: 93, memory_used_mb: 19_000, present: true },
    { index: 1, utilization_percent: null, memory_used_mb: null, present: false },
  ]);
  expect(view.notices).toEqual([expect.stringContaining("GPU 1")]);
  await world.db.update(providers).set({ presence: "offline" }).where(eq(providers.id, id));
  expect(await read(id)).toMatchObject({ usage: null, gpu_list: [{ utilization_percent: null }, {}] });
});

test("the join command is whole, the owner's alone, and gone when its token ran out or the node came", async () => {
  const id = await world.provider({ runtime: "kubernetes", presence: "unseen", gpus: 2 });
  await world.db.transaction((tx) => insertNode(tx, id, "berth-n-1"));
  expect((await read(id)).node).toMatchObject({ state: "issuing", join_command: null });
  const token = "abcdef.0123456789abcdef";
  const caHash = `sha256:${"ab".repeat(32)}`;
  const expires = new Date(world.deps.clock.now().getTime() + 30 * MINUTE);
  const set = (row: Partial<typeof providerNodes.$inferInsert>) =>
    world.db.update(providerNodes).set(row).where(eq(providerNodes.providerId, id));
  await set({
    tokenId: "abcdef",
    sealedToken: world.deps.secrets.seal(token),
    tokenExpiresAt: expires,
    caHash,
    apiServer: "203.0.113.9:6443",
  });
  const command = `kubeadm join 203.0.113.9:6443 --token ${token} --discovery-token-ca-cert-hash ${caHash} --node-name berth-n-1`;
  expect((await read(id)).node).toEqual({
    node_name: "berth-n-1",
    state: "waiting-for-node",
    join_command: command,
    expires_at: expires.toISOString(),
    allocatable_gpus: null,
    declared_gpus: 2,
    kubelet_version: null,
  });
  expect((await read(id, OPERATOR)).node?.join_command).toBeNull();
  const reader = { ...OWNER, via: "api-key", scopes: ["read"] } as const;
  expect((await read(id, reader)).node?.join_command).toBeNull();
  await set({ nodeUid: "uid-1", ready: true, allocatableGpus: 1, kubeletVersion: "v1.20.2" });
  const joined = await read(id);
  expect(joined.node).toMatchObject({ state: "joined", join_command: null, allocatable_gpus: 1 });
  expect(joined.notices).toContainEqual(expect.stringContaining("offers 1 of the 2 GPUs"));
  await set({ nodeUid: null, ready: null });
  world.pass(31 * MINUTE);
  const late = await read(id);
  expect(late.node).toMatchObject({ state: "waiting-for-node", join_command: null, expires_at: null });
  expect(late.notices).toContainEqual(expect.stringContaining("ran out"));
  await set({ nodeUid: "uid-1", ready: null });
  expect((await read(id)).node?.state).toBe("gone");
  await world.db.update(providers).set({ admission: "pending" }).where(eq(providers.id, id));
  await set({ nodeUid: null });
  expect((await read(id)).node?.state).toBe("waiting-for-approval");
});

test("events come newest first, a page at a time, and name who decided", async () => {
  const id = await world.provider({ presence: "unseen" });
  await world.back(id);
  await world.silence();
  const first = await listProviderEvents(world.deps, OWNER, id, { limit: 1 });
  expect(ProviderEventView.parse(first.events[0])).toMatchObject({ code: "provider-offline", provider_id: id });
  const next = await listProviderEvents(world.deps, OPERATOR, id, { limit: 5, cursor: first.next_cursor ?? "" });
  expect(next).toMatchObject({ events: [{ code: "provider-online", actor: null }], next_cursor: null });
});

test("reputation is told change by change, with the score after each and what became of an appeal", async () => {
  const id = await world.provider({});
  await world.silence();
  const page = await listReputation(world.deps, id, { limit: 1 });
  expect(page).toMatchObject({ reputation: 80, events: [{ delta: -20, score: 80, reason: "offline", appeal: null }] });
  const [loss] = page.events;
  expect(loss?.appeal_until).not.toBeNull();
  const older = await listReputation(world.deps, id, { cursor: page.next_cursor ?? "" });
  expect(older.events).toMatchObject([{ delta: 100, score: 100, appeal_until: null }]);
  await appealReputation(world.deps, OWNER, id, { reputation_event_id: loss?.id ?? 0, text: "The power failed." });
  const [appealed] = (await listReputation(world.deps, id, { limit: 1 })).events;
  expect(ReputationEventView.parse(appealed)).toMatchObject({
    appeal_until: null,
    appeal: { text: "The power failed.", decision: null },
  });
  world.pass(8 * DAY);
  expect((await listReputation(world.deps, id, {})).events.every(({ appeal_until }) => appeal_until === null)).toBe(
    true,
  );
  await expect(listReputation(world.deps, world.deps.ids.next("prov"), {})).rejects.toMatchObject({
    code: "not-found",
  });
});

test("an enrolment is followed: the tokens that are out, and the machines that came within the hour", async () => {
  await world.provider({});
  world.pass(2 * HOUR);
  expect(await followEnrolment(world.deps, OWNER)).toEqual({ open_tokens: 0, open_until: null, machines: [] });
  const { expiresAt } = await createEnrolmentToken(world.deps, OWNER);
  const fresh = await world.provider({ presence: "unseen" });
  const followed = await followEnrolment(world.deps, OWNER);
  expect(followed).toMatchObject({ open_tokens: 1, open_until: expiresAt.toISOString(), machines: [{ id: fresh }] });
  world.pass(2 * HOUR);
  expect(await followEnrolment(world.deps, OWNER)).toMatchObject({ open_tokens: 0, machines: [] });
});

test("the totals of an owner are over all machines: free only where work is taken, earned also by who left", async () => {
  const one = await world.provider({ gpus: 2, perGpuHour: 1_000_000n, perCpuHour: 0n });
  await world.provider({ gpus: 3, presence: "offline" });
  await world.provider({ gpus: 8, owner: STRANGER.account });
  await earn(1, one, 30 * MINUTE);
  await world.rent(await world.customer(2), { providerId: one });
  expect(await fleetTotals(world.deps, OWNER)).toEqual({
    machines: 2,
    available: 1,
    gpus: { total: 5, free: 1, inUse: 1, mining: 0 },
    earned: "0.450000",
    earnedPromotion: "0.450000",
  });
  const gone = await fleetTotals(world.deps, STRANGER);
  expect(gone).toMatchObject({ machines: 1, gpus: { total: 8, free: 8 }, earned: "0.000000" });
});
