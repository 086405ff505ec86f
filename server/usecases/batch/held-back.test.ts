// A caught owner's new machines on a real PostgreSQL: third-party workers that begin anew get checks and no customer's job.
import { createHash } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Principal, walletPrincipal } from "../../../domain/account/principal.ts";
import { isId, type JobId, type ProviderId } from "../../../domain/ids.ts";
import { RULES } from "../../../domain/verification/constants.ts";
import { batchExecutions, batchJobs, providerEvidence } from "../../../drizzle/schema/batch.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { type Fleet, type LiveRun, openFleet } from "../../testing/batch-world.ts";
import { NO_CHECKS } from "../../testing/settings.ts";
import { expectSound } from "../../testing/sound.ts";
import { address, openWorld, type World } from "../../testing/world.ts";
import { getNode, listNodes } from "../network/list-nodes.ts";
import { registerNode } from "../network/register-node.ts";
import { approveProvider } from "../provider/decide-admission.ts";
import { getOwnProvider } from "../provider/get-own-provider.ts";
import { removeProvider } from "../provider/remove-provider.ts";
import { cancelBatch } from "./cancel-batch.ts";
import { dispatchBatch } from "./dispatch-batch.ts";
import { findBatch } from "./get-batch.ts";
import { takeExternalResult } from "./take-external-result.ts";

const OPERATOR = walletPrincipal(address(500));
const A_CANARY = () => 0.05;
const WHY = /in quarantine, and it has no record of its own\. Until it has 20 verified results/;

let world: World;
let fleet: Fleet;
let alice: Principal;
let random = NO_CHECKS;
let liar: ProviderId;
let honest: ProviderId[];

beforeEach(async () => {
  random = NO_CHECKS;
  world = await openWorld({ demo: false, operators: [OPERATOR.account] });
  fleet = await openFleet(world, 0);
  alice = await world.customer(1, 10_000_000_000n);
  liar = await register(100, "liar");
  honest = [];
  for (const n of [101, 102, 103, 104]) honest.push(await register(n, `honest-${n}`));
  honest.sort();
});
afterEach(async () => {
  expect(await expectSound(world.db)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

const networkOf = (n: number) => `203.0.${n}.7`;

/** As the seed's worker of an account does. */
async function register(account: number, id: string, from = networkOf(account)): Promise<ProviderId> {
  const body = { id, name: id, cpu_cores: 8, memory_gb: 16 };
  const node = await registerNode(world.deps, walletPrincipal(address(account)), body, from);
  if (!isId("prov", node.provider_id)) throw new Error("a node is a provider");
  return node.provider_id;
}

/** As a canary leaves it behind. */
async function quarantine(id: ProviderId): Promise<void> {
  await world.db.execute(sql`
    insert into provider_evidence (provider_id, bad, at, quarantined_at, quarantine_reason)
    values (${id}, 1, ${world.deps.clock.now().toISOString()}, ${world.deps.clock.now().toISOString()}, 'It lied.')`);
  await world.db.transaction((tx) => recomputeOffers(tx, id));
}
async function hasRecord(id: ProviderId, verified: number): Promise<void> {
  await world.db.insert(providerEvidence).values({ providerId: id, verified, at: world.deps.clock.now() });
}

async function deliver(run: LiveRun, result: string): Promise<void> {
  const hash = createHash("sha256").update(result).digest("hex");
  const said = { execution_id: run.id, job_id: run.jobId, node_id: "any", result, result_hash: hash };
  await takeExternalResult({ ...world.deps, random }, run.providerId, said);
}

/** Whom a job was given to that asks everybody there is. */
async function drawnFor(): Promise<ProviderId[]> {
  const id = await fleet.submit(alice, { redundancy: 5, consensus: 5 });
  await dispatchBatch(world.deps);
  const runs = await fleet.live(id);
  await cancelBatch(world.deps, alice, id);
  return runs.map(({ providerId }) => providerId).sort();
}
const heldBack = async (id: ProviderId) => (await getNode(world.deps, null, id)).evidence.held_back;

test("a worker in quarantine that registers under another id gets no customer's job, and is told why, until an operator lifts it", async () => {
  await quarantine(liar);
  const again = await register(100, "somebody-else", networkOf(200));
  expect(await drawnFor()).toEqual(honest);
  const owner = walletPrincipal(address(100));
  expect(await heldBack(again)).toMatch(WHY);
  expect(await heldBack(again)).toContain("Another machine of its owner is");
  expect((await getOwnProvider(world.deps, owner, again)).notices).toContainEqual(expect.stringMatching(WHY));
  const listed = (await listNodes(world.deps, {})).nodes.filter(({ evidence }) => evidence.held_back !== null);
  expect(listed.map(({ provider_id: id }) => id)).toEqual([again]);
  await approveProvider(world.deps, OPERATOR, liar);
  await fleetWithout(liar);
  expect(await drawnFor()).toEqual([...honest, again].sort());
  expect(await heldBack(again)).toBeNull();
});

/** Drains a machine. */
async function fleetWithout(id: ProviderId): Promise<void> {
  await world.db.execute(sql`update providers set drain = 'draining' where id = ${id}`);
  await world.db.transaction((tx) => recomputeOffers(tx, id));
}

test("neither does one that comes from its network under another wallet; a machine with an agent there does, and strangers", async () => {
  await quarantine(liar);
  const sameNetwork = await register(201, "new-wallet", networkOf(100));
  expect(await drawnFor()).toEqual(honest);
  expect(await heldBack(sameNetwork)).toContain("by the network it calls from");
  const stranger = await register(202, "stranger");
  expect(await heldBack(stranger)).toBeNull();
  expect(await drawnFor()).toEqual([...honest, stranger].sort());
  await world.db.execute(sql`update providers set runtime = 'docker' where id = ${sameNetwork}`);
  await world.db.transaction((tx) => recomputeOffers(tx, sameNetwork));
  expect(await heldBack(sameNetwork)).toBeNull();
});

test("a caught agent, which claims its network, holds back its own account's newcomers and no neighbour", async () => {
  await world.db.execute(sql`update providers set runtime = 'docker' where id = ${liar}`);
  await quarantine(liar);
  const own = await register(100, "own", networkOf(203));
  const neighbour = await register(201, "neighbour", networkOf(100));
  expect(await heldBack(own)).toContain("Another machine of its owner is");
  expect(await heldBack(neighbour)).toBeNull();
});

test("a machine of that owner with a record of its own goes on as before", async () => {
  const [proven, fresh] = [await register(100, "proven"), await register(100, "fresh")];
  await hasRecord(proven, 20);
  await hasRecord(fresh, 19);
  await quarantine(liar);
  expect(await drawnFor()).toEqual([...honest, proven].sort());
  expect([await heldBack(proven), await heldBack(fresh)]).toEqual([null, expect.stringMatching(WHY)]);
});

test("a record that has faded is none: who was proven once answers for its owner again", async () => {
  const proven = await register(100, "proven");
  await hasRecord(proven, 20);
  await quarantine(liar);
  expect(await heldBack(proven)).toBeNull();
  world.pass(RULES.halfLifeDays * 24 * 3_600_000);
  expect(await heldBack(proven)).toMatch(WHY);
  await world.beat(proven);
  expect(await drawnFor()).toEqual(honest);
});

test("a machine that registers the moment after others were looked at is held back from its first moment on", async () => {
  await quarantine(liar);
  expect(await drawnFor()).toEqual(honest);
  const again = await register(100, "again");
  expect(await heldBack(again)).toMatch(WHY);
  const next = await register(100, "next");
  expect(await drawnFor()).toEqual(honest);
  expect(await heldBack(next)).toMatch(WHY);
});

test("what only machines that are held back could run without a command says at once that it needs one", async () => {
  for (const id of honest) {
    await world.db.execute(sql`update providers set runtime = 'kubernetes' where id = ${id}`);
    await world.db.transaction((tx) => recomputeOffers(tx, id));
  }
  await quarantine(liar);
  const again = await register(100, "again");
  const id = await fleet.submit(alice, { command: [] });
  expect(await findBatch(world.deps, alice, id)).toMatchObject({ reason: { code: "needs-command" } });
  await hasRecord(again, 20);
  expect(await findBatch(world.deps, alice, id)).toMatchObject({ reason: null });
  await dispatchBatch(world.deps);
  expect((await fleet.live(id)).map(({ providerId }) => providerId)).toEqual([again]);
});

test("taking the caught machine away is no way out; an operator lifts the quarantine of one that is gone too, and it stays gone", async () => {
  await quarantine(liar);
  await removeProvider(world.deps, walletPrincipal(address(100)), liar);
  const again = await register(100, "again");
  expect(await drawnFor()).toEqual(honest);
  await approveProvider(world.deps, OPERATOR, liar);
  expect(await drawnFor()).toEqual([...honest, again].sort());
  const [row] = await world.db.execute(sql`select admission from providers where id = ${liar}`);
  expect(row).toEqual({ admission: "removed" });
});

test("who is held back is given canaries, and gets customers' jobs once it has its twenty verified results", async () => {
  await quarantine(liar);
  const again = await register(100, "again");
  await hasRecord(again, 19.4);
  for (let n = 0; n < 40 && (await canariesOf(again)) === 0; n++) {
    random = A_CANARY;
    const id = await fleet.submit(alice, { reusable: true });
    await dispatchBatch(world.deps);
    expect((await fleet.live(id)).map(({ providerId }) => providerId)).not.toContain(again);
    for (const run of await fleet.live(id)) await deliver(run, "right");
    random = NO_CHECKS;
    await dispatchBatch(world.deps);
    for (const run of await fleet.live()) await deliver(run, "right");
  }
  expect(await canariesOf(again)).toBe(1);
  expect(await heldBack(again)).toBeNull();
  expect(await drawnFor()).toEqual([...honest, again].sort());
});

async function canariesOf(id: ProviderId): Promise<number> {
  const rows = await world.db
    .select({ job: batchExecutions.jobId, purpose: batchJobs.purpose })
    .from(batchExecutions)
    .innerJoin(batchJobs, eq(batchJobs.id, batchExecutions.jobId))
    .where(eq(batchExecutions.providerId, id));
  expect(new Set(rows.map(({ purpose }) => purpose))).toEqual(new Set(rows.length > 0 ? ["canary"] : []));
  return new Set<JobId>(rows.map(({ job }) => job)).size;
}
