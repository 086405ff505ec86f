import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { SCOPES, walletPrincipal } from "../../../domain/account/principal.ts";
import { INCIDENT_WINDOW_MS } from "../../../domain/provider/incidents.ts";
import { appeals, gpus, providers, reputationEvents } from "../../../drizzle/schema/provider.ts";
import { recordEvent } from "../../repos/events.ts";
import { OWNER, type ProviderWorld, providerWorld, RENTER, START } from "../../testing/provider-world.ts";
import { decideAppeal } from "../provider/appeal-reputation.ts";
import { approveProvider, suspendProvider } from "../provider/decide-admission.ts";
import { getAppeal, listAppeals } from "./list-appeals.ts";
import { listAudit } from "./list-audit.ts";
import { listIncidents } from "./list-incidents.ts";
import { getProviderForOperator, listProvidersForOperator } from "./list-providers.ts";

const operator = walletPrincipal("0x00000000000000000000000000000000000000ff");

let world: ProviderWorld;
let deps: ProviderWorld["deps"];
beforeAll(async () => {
  world = await providerWorld();
  deps = { ...world.deps, settings: { ...world.deps.settings, operators: [operator.account] } };
});
afterAll(() => world.close());
beforeEach(() => world.empty());

async function happen(subject: string, code: string, at = START): Promise<void> {
  await world.db.transaction((tx) => recordEvent(tx, { subject, code, message: `${code} happened`, at }));
}

/** All that a list shows, page by page. */
async function all<T>(ask: (cursor?: string) => Promise<{ items: readonly T[]; next: string | null }>): Promise<T[]> {
  const found: T[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const { items, next } = await ask(cursor);
    found.push(...items);
    cursor = next;
  }
  return found;
}

test("whoever is no operator, or comes with a key of one, is refused everywhere", async () => {
  const id = await world.provider();
  const key = { ...operator, via: "api-key", scopes: SCOPES.filter((scope) => scope !== "wallet") } as const;
  for (const [who, code] of [
    [walletPrincipal(OWNER), "forbidden"],
    [key, "missing-scope"],
  ] as const) {
    const asked = [
      listProvidersForOperator(deps, who, {}),
      getProviderForOperator(deps, who, id),
      listIncidents(deps, who, {}),
      listAudit(deps, who, {}),
      listAppeals(deps, who, {}),
      getAppeal(deps, who, 1),
    ];
    for (const refused of await Promise.allSettled(asked)) expect(refused).toMatchObject({ reason: { code } });
  }
});

test("providers are listed by admission, newest first, a page at a time, with the counts of all admissions", async () => {
  const pending = [await world.provider({ admission: "pending" }), await world.provider({ admission: "pending" })];
  const approved = await world.provider();
  await world.provider({ admission: "removed" });
  const { admissions } = await listProvidersForOperator(deps, operator, { admission: "pending" });
  expect(admissions).toEqual({ pending: 2, approved: 1, rejected: 0, suspended: 0, removed: 1 });
  const ids = (admission?: "pending" | "removed") =>
    all(async (cursor) => {
      const page = await listProvidersForOperator(deps, operator, { admission, limit: 1, cursor });
      return { items: page.providers.map(({ id }) => id), next: page.next_cursor };
    });
  expect(await ids("pending")).toEqual([...pending].reverse());
  expect(await ids("removed")).toHaveLength(1);
  expect(await ids()).toEqual([approved, ...[...pending].reverse()]);
});

test("a search finds parts of a name, a host name, an owner or an id, and takes % and _ as they are", async () => {
  const id = await world.provider({ name: "skagerrak-04", owner: RENTER });
  await world.provider({ name: "other" });
  await world.db.update(providers).set({ hostname: "rack_7" }).where(eq(providers.id, id));
  for (const search of ["GERRAK", "rack_7", RENTER, id]) {
    const { providers: found } = await listProvidersForOperator(deps, operator, { search });
    expect(found.map(({ name }) => name)).toEqual(["skagerrak-04"]);
  }
  for (const search of ["%", "o_her", "\\"]) {
    expect((await listProvidersForOperator(deps, operator, { search })).count, search).toBe(0);
  }
});

test("beside a provider stand what lives there and its incidents of a week, in as many queries for one as for ten", async () => {
  const first = await world.provider();
  await world.execution({ providerId: first });
  await world.execution({ providerId: first, status: "stopped" });
  await happen(first, "provider-offline");
  await happen(first, "gpu-lost");
  await happen(first, "provider-online");
  await happen(first, "two-agents", new Date(START.getTime() - INCIDENT_WINDOW_MS - 1));
  expect(await getProviderForOperator(deps, operator, first)).toMatchObject({ live_executions: 1, incidents: 2 });

  const before = world.statements();
  await listProvidersForOperator(deps, operator, {});
  const forOne = world.statements() - before;
  for (let n = 0; n < 9; n++) await world.provider();
  const beforeTen = world.statements();
  expect((await listProvidersForOperator(deps, operator, {})).count).toBe(10);
  expect(world.statements() - beforeTen).toBe(forOne);
});

test("machines whose drivers show the same GPU name each other; a declared one, a lost one and a removed machine do not count", async () => {
  const names = ["one", "two", "declared", "lost", "removed"] as const;
  for (const name of names) {
    const id = await world.provider({
      name,
      models: ["RTX 4090"],
      admission: name === "removed" ? "removed" : "approved",
    });
    const set = { uuid: "GPU-same", declared: name === "declared", present: name !== "lost" };
    await world.db.update(gpus).set(set).where(eq(gpus.providerId, id));
  }
  const { providers: shown } = await listProvidersForOperator(deps, operator, {});
  const shares = Object.fromEntries(shown.map(({ name, shares_gpus_with: others }) => [name, others]));
  expect(shares).toEqual({ one: ["two"], two: ["one"], declared: [], lost: [] });
});

test("incidents are the events of the catalogue, newest first, of all machines or of one", async () => {
  const [a, b] = [await world.provider({ name: "a" }), await world.provider({ name: "b" })];
  for (const [subject, code] of [
    [a, "provider-offline"],
    [b, "gpu-lost"],
    [a, "provider-online"],
    [a, "gpu-lost"],
    ["csr-of-nobody", "csr-refused"],
  ] as const)
    await happen(subject, code);
  const list = (provider_id?: typeof a) =>
    all(async (cursor) => {
      const page = await listIncidents(deps, operator, { provider_id, limit: 1, cursor });
      return { items: page.events.map((event) => `${event.provider_name} ${event.code}`), next: page.next_cursor };
    });
  expect(await list()).toEqual([" csr-refused", "a gpu-lost", "b gpu-lost", "a provider-offline"]);
  expect(await list(a)).toEqual(["a gpu-lost", "a provider-offline"]);
});

test("every decision of a person is in the audit trail with the account that took it, and nothing else is", async () => {
  const id = await world.provider({ name: "quay-1", admission: "pending" });
  await approveProvider(deps, operator, id);
  await happen(id, "provider-online");
  await suspendProvider(deps, operator, id, "forged GPUs");
  await approveProvider(deps, operator, id);
  const trail = await all(async (cursor) => {
    const page = await listAudit(deps, operator, { limit: 1, cursor });
    return { items: page.events, next: page.next_cursor };
  });
  expect(trail).toMatchObject([
    { code: "provider-approved", provider_name: "quay-1", actor: operator.account, message: "quay-1 was reinstated." },
    { code: "provider-suspended", provider_name: "quay-1", actor: operator.account, data: { reason: "forged GPUs" } },
    { code: "provider-approved", provider_name: "quay-1", actor: operator.account, message: "quay-1 was admitted." },
  ]);
});

test("appeals without an answer come first and oldest first, then the answered ones, newest first", async () => {
  const providerId = await world.provider({ name: "quay-1", reputation: 40 });
  const ids: number[] = [];
  for (let n = 0; n < 5; n++) {
    const [event] = await world.db
      .insert(reputationEvents)
      .values({ providerId, delta: -20, reason: "offline", at: START })
      .returning();
    if (!event) throw new Error("no reputation event");
    const text = `appeal ${n}`;
    const [appeal] = await world.db
      .insert(appeals)
      .values({ providerId, reputationEventId: event.id, text, at: START })
      .returning();
    if (appeal) ids.push(appeal.id);
  }
  const [first = 0, second = 0] = ids;
  await decideAppeal(deps, operator, second, { granted: true, reply: "the switch was ours" });
  await decideAppeal(deps, operator, first, { granted: false, reply: "no" });
  for (const limit of [1, 2, 3, 4, 5]) {
    const list = await all(async (cursor) => {
      const page = await listAppeals(deps, operator, { limit, cursor });
      return { items: page.appeals.map(({ text }) => text), next: page.next_cursor };
    });
    expect(list).toEqual(["appeal 2", "appeal 3", "appeal 4", "appeal 1", "appeal 0"]);
  }
  expect(await getAppeal(deps, operator, second)).toMatchObject({
    ...{ provider_name: "quay-1", delta: -20, reason: "offline", decision: "granted", reply: "the switch was ours" },
    ...{ decided_by: operator.account, due_at: "2026-01-15T00:00:00.000Z" },
  });
  await expect(getAppeal(deps, operator, 99)).rejects.toMatchObject({ code: "not-found" });
  await expect(listAppeals(deps, operator, { cursor: "bm9uc2Vuc2U" })).rejects.toMatchObject({ code: "bad-request" });
});
