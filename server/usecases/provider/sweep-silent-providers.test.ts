import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ProviderId } from "../../../domain/ids.ts";
import { events } from "../../../drizzle/schema/event.ts";
import { executions } from "../../../drizzle/schema/job.ts";
import {
  downtimes,
  listening,
  offers,
  providerPresence,
  providers,
  reputationEvents,
} from "../../../drizzle/schema/provider.ts";
import { driftedProviders } from "../../repos/offers.ts";
import { lockProviderRow } from "../../repos/providers.ts";
import { type ProviderWorld, providerWorld, START } from "../../testing/provider-world.ts";
import { writePresenceEdge } from "./presence-edge.ts";
import { stampListening } from "./stamp-listening.ts";
import { sweepOffers } from "./sweep-offers.ts";
import { sweepSilentProviders } from "./sweep-silent-providers.ts";

let world: ProviderWorld;
beforeAll(async () => {
  world = await providerWorld();
});
afterAll(() => world.close());
beforeEach(() => world.empty());

async function seen(id: ProviderId) {
  const values = {
    providerId: id,
    lastSeenAt: world.deps.clock.now(),
    seq: 1,
    report: [],
    reportedGeneration: 0,
    usage: {},
  };
  await world.db
    .insert(providerPresence)
    .values(values)
    .onConflictDoUpdate({ target: providerPresence.providerId, set: values });
}

/** The web listens and stamps every 5 seconds. */
async function listen(ms: number) {
  for (let passed = 0; passed < ms; passed += 5_000) {
    world.pass(Math.min(5_000, ms - passed));
    await stampListening(world.deps);
  }
}

async function row(id: ProviderId) {
  const [found] = await world.db.select().from(providers).where(eq(providers.id, id));
  return found!;
}

test("two minutes of silence, not less, take a provider offline with its offers, at 20 points", async () => {
  const id = await world.provider();
  const live = await world.execution({ providerId: id });
  await stampListening(world.deps);
  await seen(id);
  await listen(119_000);
  expect(await sweepSilentProviders(world.deps)).toBe(0);
  await listen(1_000);
  expect(await sweepSilentProviders(world.deps)).toBe(1);
  expect(await row(id)).toMatchObject({ presence: "offline", offlineSince: START, reputation: 80 });
  expect(await world.db.select().from(reputationEvents)).toMatchObject([{ delta: -20, reason: "offline" }]);
  expect(await world.db.select().from(events)).toMatchObject([{ subject: id, code: "provider-offline" }]);
  const all = await world.db.select().from(offers);
  expect(all.map(({ available, reputation }) => [available, reputation])).toEqual([
    [false, 80],
    [false, 80],
  ]);
  const [execution] = await world.db.select().from(executions);
  expect(execution?.nextReconcileAt).toEqual(world.deps.clock.now());
  expect(world.rings).toEqual([live]);
});

test("an edge costs once, however many sweep at once and however long the silence goes on", async () => {
  const ids = await Promise.all(Array.from({ length: 6 }, () => world.provider()));
  await stampListening(world.deps);
  await Promise.all(ids.map(seen));
  await listen(130_000);
  const edges = await Promise.all([1, 2, 3, 4].map(() => sweepSilentProviders(world.deps)));
  expect(edges.reduce((sum, n) => sum + n, 0)).toBe(6);
  await listen(600_000);
  expect(await sweepSilentProviders(world.deps)).toBe(0);
  expect(await world.db.select().from(reputationEvents)).toHaveLength(6);
});

test("the score never leaves its bounds, and the ledger says what was really taken", async () => {
  const id = await world.provider({ reputation: 12 });
  await stampListening(world.deps);
  await seen(id);
  await listen(120_000);
  await sweepSilentProviders(world.deps);
  expect(await row(id)).toMatchObject({ reputation: 0 });
  expect(await world.db.select().from(reputationEvents)).toMatchObject([{ delta: -12 }]);
});

test("silence while the broker did not listen costs nothing: the two minutes begin when it listens again", async () => {
  const id = await world.provider();
  await stampListening(world.deps);
  await seen(id);
  await listen(60_000);
  world.pass(3 * 60 * 60_000); // nobody listened
  expect(await sweepSilentProviders(world.deps)).toBe(0);
  await stampListening(world.deps);
  const since = world.deps.clock.now();
  await listen(119_000);
  expect(await sweepSilentProviders(world.deps)).toBe(0);
  await listen(1_000);
  expect(await sweepSilentProviders(world.deps)).toBe(1);
  expect(await row(id)).toMatchObject({ offlineSince: since });
});

test("a stamp up to 15 seconds late is no gap", async () => {
  await stampListening(world.deps);
  world.pass(15_000);
  await stampListening(world.deps);
  expect(await world.db.select().from(listening)).toMatchObject([{ since: START, until: world.deps.clock.now() }]);
  world.pass(15_001);
  await Promise.all([1, 2, 3].map(() => stampListening(world.deps)));
  const now = world.deps.clock.now();
  expect(await world.db.select().from(listening)).toMatchObject([{ since: now, until: now }]);
});

test("a provider that was never seen, and one that is heard, stay as they are", async () => {
  const [unseen, heard] = [await world.provider({ presence: "unseen" }), await world.provider()];
  await stampListening(world.deps);
  await listen(200_000);
  await seen(heard);
  expect(await sweepSilentProviders(world.deps)).toBe(0);
  expect([(await row(unseen)).presence, (await row(heard)).presence]).toEqual(["unseen", "online"]);
});

test("a node of the cluster is not judged by beats", async () => {
  const node = await world.provider({ runtime: "kubernetes" });
  await stampListening(world.deps);
  await seen(node);
  await listen(200_000);
  expect(await sweepSilentProviders(world.deps)).toBe(0);
  expect((await row(node)).presence).toBe("online");
});

test("a silence is one downtime, open until the provider is back, and each edge is written once", async () => {
  const id = await world.provider();
  await stampListening(world.deps);
  await seen(id);
  await listen(130_000);
  await sweepSilentProviders(world.deps);
  const edge = (event: "silent" | "cleanReport" | "fullReport") =>
    world.db.transaction(async (tx) => {
      const facts = { now: world.deps.clock.now(), silentSince: null, message: "seen" };
      const locked = await lockProviderRow(tx, id);
      return locked && writePresenceEdge(tx, locked, event, facts);
    });
  expect(await world.db.select().from(downtimes)).toMatchObject([{ startedAt: START, endedAt: null }]);
  expect(await edge("silent")).toBeNull();
  world.pass(1_000);
  const back = world.deps.clock.now();
  expect(await Promise.all([edge("fullReport"), edge("fullReport"), edge("fullReport")])).toContainEqual([]);
  expect(await row(id)).toMatchObject({ presence: "joined", offlineSince: null, reputation: 80 });
  expect(await edge("cleanReport")).toEqual([]);
  expect(await world.db.select().from(downtimes)).toMatchObject([{ startedAt: START, endedAt: back }]);
  await edge("silent");
  expect(await row(id)).toMatchObject({ presence: "offline", reputation: 60 });
  const all = await world.db.select().from(events);
  expect(all.map(({ code, data }) => [code, data.reputation_delta])).toEqual([
    ["provider-offline", -20],
    ["provider-joined", undefined],
    ["provider-online", undefined],
    ["provider-offline", -20],
  ]);
  expect(await driftedProviders(world.db)).toEqual([]);
});

test("offers that are wrong are put right and counted; right ones are left alone", async () => {
  await world.provider();
  expect(await sweepOffers(world.deps)).toBe(0);
  await world.db.update(offers).set({ freeCpuCores: 1 });
  expect(await sweepOffers(world.deps)).toBe(2);
  expect(await sweepOffers(world.deps)).toBe(0);
});
