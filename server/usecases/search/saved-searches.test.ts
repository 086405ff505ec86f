// Searches that are kept, and the alerts they raise, on a real database.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { walletPrincipal } from "../../../domain/account/principal.ts";
import type { SavedSearchId } from "../../../domain/ids.ts";
import { accounts as accountsTable } from "../../../drizzle/schema/account.ts";
import { offers } from "../../../drizzle/schema/provider.ts";
import { AlertView, SavedSearchView } from "../../../protocol/market-views.ts";
import { OWNER, type ProviderWorld, providerWorld, RENTER, START } from "../../testing/provider-world.ts";
import { listAlerts, readAlerts, unreadAlerts } from "./alerts.ts";
import { checkSavedSearches } from "./check-saved-searches.ts";
import { deleteSavedSearch } from "./delete-saved-search.ts";
import { listSavedSearches } from "./list-saved-searches.ts";
import { saveSearch } from "./save-search.ts";

const alice = walletPrincipal(RENTER);
const bob = walletPrincipal(OWNER);
const LOOK_MS = 30_000;

let world: ProviderWorld;
beforeAll(async () => {
  world = await providerWorld();
});
afterAll(() => world.close());
beforeEach(() => world.empty());

const save = (query: string, atOrBelow?: bigint, name = "cards", who = alice) =>
  saveSearch(world.deps, who, { name, query, alert_at_or_below: atOrBelow }, null);
const price = (micros: bigint) => world.db.update(offers).set({ pricePerGpuHour: micros });
async function look(): Promise<number> {
  world.pass(LOOK_MS);
  return checkSavedSearches(world.deps);
}
async function one() {
  const { saved_searches: all } = await listSavedSearches(world.deps, alice);
  return all[0];
}

test("a search is kept in its one form, and says nothing of what it finds before the first look", async () => {
  const saved = SavedSearchView.parse(await save("?region=us&gpu=RTX%204090&gpu=A100&sort=price", 400_000n));
  expect(saved).toMatchObject({
    ...{ query: "gpu=A100&gpu=RTX+4090&region=us", alert_at_or_below: "0.400000", alerting: false },
    ...{ matches: null, lowest_price: null, checked_at: null },
  });
  expect(await one()).toEqual(saved);
});

test("a search the market does not understand is refused, and what is wrong with it is named", async () => {
  await expect(save("gpu=A&max_price=cheap")).rejects.toMatchObject({
    code: "bad-request",
    extras: { fields: [{ field: "query.max_price" }] },
  });
  await expect(save("min_cpu=8&max_cpu=4")).rejects.toMatchObject({ extras: { fields: [{ field: "query.min_cpu" }] } });
  expect(await one()).toBeUndefined();
});

test("a name stands for one search of an account, and for another of another's", async () => {
  await save("gpu=A");
  await expect(save("gpu=B")).rejects.toMatchObject({ code: "conflict" });
  await save("gpu=B", undefined, "cards", bob);
});

test("the same key saves once; an account keeps fifty, even when it asks for many at once", async () => {
  const wish = { name: "cards", query: "gpu=A" };
  const first = await saveSearch(world.deps, alice, wish, "key");
  expect(await saveSearch(world.deps, alice, wish, "key")).toEqual(first);
  const answers = await Promise.allSettled(Array.from({ length: 55 }, (_, n) => save("gpu=A", undefined, `no ${n}`)));
  expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(49);
  await expect(save("gpu=A", undefined, "one more")).rejects.toMatchObject({ code: "limit-reached" });
});

test("a look says how many fit, and the least that one costs which could be rented now", async () => {
  await world.provider({ models: ["A100"], perGpuHour: 900_000n });
  await world.provider({ models: ["A100"], perGpuHour: 700_000n });
  await world.provider({ models: ["A100"], perGpuHour: 100_000n, presence: "offline" });
  await world.provider({ models: ["L40S"], perGpuHour: 50_000n });
  await save("gpu=A100");
  await look();
  expect(await one()).toMatchObject({ matches: 3, lowest_price: "0.700000", alerting: false });
});

test("an alert is raised when something comes within the price, not again while it stays, and again after it left", async () => {
  await world.provider({ models: ["A100"], perGpuHour: 500_000n });
  await save("gpu=A100", 400_000n);
  expect(await look()).toBe(0);
  await price(400_000n);
  expect(await look()).toBe(1);
  expect(await look()).toBe(0);
  await price(300_000n);
  expect(await look()).toBe(0);
  await price(400_001n);
  expect(await look()).toBe(0);
  expect(await one()).toMatchObject({ alerting: false, lowest_price: "0.400001" });
  await price(399_999n);
  expect(await look()).toBe(1);
  const { alerts, unread } = await listAlerts(world.deps, alice, {});
  expect(alerts.map((alert) => AlertView.parse(alert).message)).toEqual([
    "cards: from $0.399999 per GPU hour, at or below your $0.400000.",
    "cards: from $0.400000 per GPU hour, at or below your $0.400000.",
  ]);
  expect(unread).toBe(2);
});

test("cores are cheap: only a search that asks for cores alone is alerted by the price of one", async () => {
  await world.provider({ models: ["A100"], perGpuHour: 500_000n, perCpuHour: 10_000n });
  await save("region=eu-north", 400_000n, "any GPU here");
  await save("max_total_gpus=0", 400_000n, "cores");
  expect(await look()).toBe(1);
  const { alerts } = await listAlerts(world.deps, alice, {});
  expect(alerts[0]?.message).toBe("cores: from $0.010000 per core hour, at or below your $0.400000.");
});

test("workers that look at once raise one alert, and nobody looks twice within seconds", async () => {
  await world.provider({ models: ["A100"], perGpuHour: 100_000n });
  await save("gpu=A100", 400_000n);
  world.pass(LOOK_MS);
  const raised = await Promise.all(Array.from({ length: 8 }, () => checkSavedSearches(world.deps)));
  expect(raised.reduce((sum, one) => sum + one, 0)).toBe(1);
  world.pass(19_000);
  await price(900_000n);
  expect(await checkSavedSearches(world.deps)).toBe(0);
  expect(await one()).toMatchObject({ alerting: true });
  expect((await listAlerts(world.deps, alice, {})).count).toBe(1);
});

test("more searches than are taken at once are all looked at; equal ones are counted once", async () => {
  await world.provider({ models: ["A100"], perGpuHour: 100_000n });
  const accounts = Array.from({ length: 13 }, (_, n) => walletPrincipal(`0x${String(n).padStart(40, "0")}`));
  await world.db.insert(accountsTable).values(accounts.map(({ account }) => ({ address: account, createdAt: START })));
  for (const who of accounts)
    await Promise.all(Array.from({ length: 40 }, (_, n) => save("gpu=A100", 400_000n, `no ${n}`, who)));
  const before = world.statements();
  expect(await look()).toBe(520);
  expect(world.statements() - before).toBeLessThan(30);
}, 120_000);

test("alerts are paged newest first, read all at once, and nobody else's", async () => {
  await world.provider({ models: ["A100"], perGpuHour: 100_000n });
  for (let n = 0; n < 5; n++) await save("gpu=A100", 400_000n, `no ${n}`);
  await look();
  expect(await unreadAlerts(world.deps, alice)).toBe(5);
  expect(await unreadAlerts(world.deps, bob)).toBe(0);
  const walked: number[] = [];
  let cursor: string | undefined;
  do {
    const page = await listAlerts(world.deps, alice, { limit: 2, cursor });
    walked.push(...page.alerts.map(({ id }) => id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  expect(walked).toEqual([...new Set(walked)].sort((a, b) => b - a));
  expect(walked).toHaveLength(5);
  await readAlerts(world.deps, bob);
  expect(await unreadAlerts(world.deps, alice)).toBe(5);
  await readAlerts(world.deps, alice);
  expect(await listAlerts(world.deps, alice, {})).toMatchObject({ unread: 0, count: 5 });
});

test("a search that is deleted takes its alerts with it, and only its owner can", async () => {
  await world.provider({ models: ["A100"], perGpuHour: 100_000n });
  const { id } = await save("gpu=A100", 400_000n);
  await look();
  const theirs = deleteSavedSearch(world.deps, bob, id as SavedSearchId);
  await expect(theirs).rejects.toMatchObject({ code: "not-found" });
  await deleteSavedSearch(world.deps, alice, id as SavedSearchId);
  expect(await one()).toBeUndefined();
  expect(await listAlerts(world.deps, alice, {})).toMatchObject({ count: 0, unread: 0 });
  await expect(deleteSavedSearch(world.deps, alice, id as SavedSearchId)).rejects.toMatchObject({ code: "not-found" });
});
