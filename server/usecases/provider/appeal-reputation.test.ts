// Appeals: once, in time, of losses, and what is granted comes back exactly.
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { walletPrincipal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { appeals, offers, reputationEvents } from "../../../drizzle/schema/provider.ts";
import { driftedProviders, recomputeOffers } from "../../repos/offers.ts";
import { lockProviderRow } from "../../repos/providers.ts";
import { applyReputation } from "../../repos/reputation.ts";
import { DAY, type LifeWorld, lifeWorld, OPERATOR, OWNER } from "../../testing/life.ts";
import { address } from "../../testing/world.ts";
import { appealReputation, decideAppeal } from "./appeal-reputation.ts";

let world: LifeWorld;
beforeAll(async () => {
  world = await lifeWorld();
});
beforeEach(() => world.empty());
afterAll(() => world[Symbol.asyncDispose]());

/** A provider that was offline once. @returns it, and the loss */
async function punished(score = 100) {
  const id = await world.provider();
  await world.db.transaction(async (tx) => {
    const row = await lockProviderRow(tx, id);
    if (row && score < 100) await applyReputation(tx, row, score - 100, "of old", world.deps.clock.now());
    await recomputeOffers(tx, id);
  });
  await world.silence();
  const loss = (await ledger(id)).at(-1);
  if (loss?.reason !== "offline") throw new Error("it was not punished");
  return { id, loss };
}
const ledger = (id: ProviderId) =>
  world.db.select().from(reputationEvents).where(eq(reputationEvents.providerId, id)).orderBy(reputationEvents.id);
const plead = (id: ProviderId, event: number, who = OWNER) =>
  appealReputation(world.deps, who, id, { reputation_event_id: event, text: "The power went out in the whole town." });
async function appealId() {
  const [appeal] = await world.db.select().from(appeals).orderBy(sql`id desc`);
  return appeal?.id ?? 0;
}

test("a granted appeal gives back exactly what was taken, also where the floor took less than 20", async () => {
  for (const [score, taken] of [
    [100, 20],
    [12, 12],
  ] as const) {
    await world.empty();
    const { id, loss } = await punished(score);
    expect(loss.delta).toBe(-taken);
    expect(await plead(id, loss.id)).toMatchObject({
      ...{ id: loss.id, delta: -taken, score: score - taken, appeal_until: null },
      appeal: { decision: null, reply: null },
    });
    await decideAppeal(world.deps, OPERATOR, await appealId(), { granted: true, reply: "It was in the news." });
    expect((await world.row(id)).reputation).toBe(score);
    expect((await ledger(id)).at(-1)).toMatchObject({ delta: taken, reason: "appeal-granted" });
    for (const offer of await world.db.select().from(offers)) expect(offer.reputation).toBe(score);
    expect((await world.events(id)).slice(-2)).toMatchObject([
      { code: "appeal-made", actor: OWNER.account },
      { code: "appeal-granted", actor: OPERATOR.account },
    ]);
    expect(await driftedProviders(world.db)).toEqual([]);
  }
});

test("an upheld loss stands, with its answer and who gave it", async () => {
  const { id, loss } = await punished();
  await plead(id, loss.id);
  await decideAppeal(world.deps, OPERATOR, await appealId(), { granted: false, reply: "Announce it next time." });
  expect((await world.row(id)).reputation).toBe(80);
  expect(await world.db.select().from(appeals)).toMatchObject([
    { decision: "upheld", reply: "Announce it next time.", decidedBy: OPERATOR.account },
  ]);
  expect(await ledger(id)).toHaveLength(2);
});

test("an appeal is heard once: twice at once, and after its answer", async () => {
  const { id, loss } = await punished();
  const both = await Promise.allSettled([plead(id, loss.id), plead(id, loss.id)]);
  expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  await decideAppeal(world.deps, OPERATOR, await appealId(), { granted: true, reply: "yes" });
  await expect(plead(id, loss.id)).rejects.toMatchObject({ code: "conflict" });
});

test("it is decided once: of two operators at once one gives back, and the other hears of a conflict", async () => {
  const { id, loss } = await punished();
  await plead(id, loss.id);
  const appeal = await appealId();
  const answer = { granted: true, reply: "yes" };
  const both = await Promise.allSettled([1, 2, 3].map(() => decideAppeal(world.deps, OPERATOR, appeal, answer)));
  expect(both.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect((await world.row(id)).reputation).toBe(100);
  await expect(decideAppeal(world.deps, OPERATOR, appeal, answer)).rejects.toMatchObject({ code: "conflict" });
});

test("only a loss, within seven days, by the owner; only operators answer", async () => {
  const { id, loss } = await punished();
  const [gain] = await ledger(id);
  const stranger = walletPrincipal(address(77));
  await expect(plead(id, gain?.id ?? 0)).rejects.toMatchObject({ code: "conflict" });
  await expect(plead(id, loss.id, stranger)).rejects.toMatchObject({ code: "not-found" });
  await expect(plead(id, loss.id, OPERATOR)).rejects.toMatchObject({ code: "not-found" });
  await expect(plead(id, 999)).rejects.toMatchObject({ code: "not-found" });
  const other = await world.provider({ owner: stranger.account });
  await expect(plead(other, loss.id, stranger)).rejects.toMatchObject({ code: "not-found" });
  world.pass(7 * DAY);
  await expect(plead(id, loss.id)).rejects.toMatchObject({ code: "conflict" });
  world.pass(-1);
  await plead(id, loss.id);
  const answer = { granted: true, reply: "myself" };
  await expect(decideAppeal(world.deps, OWNER, await appealId(), answer)).rejects.toMatchObject({ code: "forbidden" });
  await expect(decideAppeal(world.deps, OPERATOR, 999, answer)).rejects.toMatchObject({ code: "not-found" });
});
