import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { z } from "zod";
import { walletPrincipal } from "../../../domain/account/principal.ts";
import { events } from "../../../drizzle/schema/event.ts";
import {
  enrolmentTokens,
  gpus,
  offers,
  providerNodes,
  providers,
  reputationEvents,
} from "../../../drizzle/schema/provider.ts";
import { Enrol } from "../../../protocol/agent.ts";
import { OWNER, type ProviderWorld, providerWorld, RENTER } from "../../testing/provider-world.ts";
import { createEnrolmentToken } from "./create-enrolment-token.ts";
import { enrolProvider } from "./enrol-provider.ts";

let world: ProviderWorld;
beforeAll(async () => {
  world = await providerWorld();
});
afterAll(() => world.close());
beforeEach(() => world.empty());

const newKey = (type: "ed25519" | "x25519" = "ed25519") =>
  (type === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("x25519")).publicKey
    .export({ format: "der", type: "spki" })
    .toString("base64");

async function token(account = OWNER): Promise<string> {
  return (await createEnrolmentToken(world.deps, walletPrincipal(account))).token;
}

function body(change: Partial<z.infer<typeof Enrol>> = {}) {
  const gpu = { model: "RTX 4090", vram_mb: 24_576, declared: true };
  return Enrol.parse({
    token: "0".repeat(40),
    public_key: newKey(),
    name: "demo-1",
    region: "eu-north",
    host: "127.0.0.1",
    price_per_gpu_hour: "0.389000",
    price_per_cpu_hour: "0.010000",
    agent_version: "0.1.0",
    machine: {
      ...{ hostname: "h", os: "Debian", architecture: "x86_64", cpu_model: "", cpu_cores: 8, memory_mb: 32_768 },
      ...{ disk_gb: 200, runtime: "process", sandboxed: true },
      gpus: [
        { ...gpu, index: 0, uuid: "GPU-0" },
        { ...gpu, index: 1, uuid: "GPU-1" },
      ],
    },
    ...change,
  });
}
const count = async (table: typeof providers | typeof gpus | typeof offers) =>
  (await world.db.select().from(table)).length;

test("a machine that enrols is its token's owner's, unseen, with GPUs, offers, a reputation and an event", async () => {
  const { providerId, owner } = await enrolProvider(world.deps, body({ token: await token() }));
  expect(owner).toBe(OWNER);
  const [row] = await world.db.select().from(providers);
  expect(row).toMatchObject({ id: providerId, admission: "approved", presence: "unseen", reputation: 100 });
  expect(row).toMatchObject({ pricePerGpuHour: 389_000n, memoryGb: 32, declared: true });
  const all = await world.db.select().from(offers).orderBy(offers.gpuModel);
  expect(all.map(({ gpuModel, freeGpus, available }) => [gpuModel, freeGpus, available])).toEqual([
    ["", 0, false],
    ["RTX 4090", 2, false],
  ]);
  expect(await world.db.select().from(reputationEvents)).toMatchObject([{ delta: 100, reason: "enrolled" }]);
  expect(await world.db.select().from(events)).toMatchObject([{ subject: providerId, code: "provider-enrolled" }]);
});

test("a token is kept by its hash only", async () => {
  const plain = await token();
  expect(JSON.stringify(await world.db.select().from(enrolmentTokens))).not.toContain(plain);
});

test("a machine whose first answer was lost asks again and is told the same, also when both come at once", async () => {
  const given = body({ token: await token() });
  const [one, two] = await Promise.all([enrolProvider(world.deps, given), enrolProvider(world.deps, given)]);
  world.pass(2 * 60 * 60_000);
  expect([two, await enrolProvider(world.deps, given)]).toEqual([one, one]);
  expect(await count(providers)).toBe(1);
  expect(await count(gpus)).toBe(2);
});

test("one token enrols one machine: another key is told that it was used", async () => {
  const given = await token();
  await enrolProvider(world.deps, body({ token: given }));
  const other = enrolProvider(world.deps, body({ token: given, name: "demo-2" }));
  await expect(other).rejects.toMatchObject({ code: "token-used" });
  expect(await count(providers)).toBe(1);
});

test("of many machines with one token exactly one enrols", async () => {
  const given = await token();
  const all = await Promise.allSettled(
    Array.from({ length: 8 }, (_, n) => enrolProvider(world.deps, body({ token: given, name: `demo-${n}` }))),
  );
  expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await count(providers)).toBe(1);
});

test("a token that is unknown, or an hour old, enrols nobody", async () => {
  await expect(enrolProvider(world.deps, body())).rejects.toMatchObject({ code: "unauthenticated" });
  const old = await token();
  world.pass(60 * 60_000);
  await expect(enrolProvider(world.deps, body({ token: old }))).rejects.toMatchObject({ code: "unauthenticated" });
  expect(await count(providers)).toBe(0);
});

test("a key never moves to another account", async () => {
  const given = body({ token: await token() });
  await enrolProvider(world.deps, given);
  const moved = enrolProvider(world.deps, { ...given, token: await token(RENTER) });
  await expect(moved).rejects.toMatchObject({ code: "conflict", extras: { fields: [{ field: "public_key" }] } });
  expect(await world.db.select().from(providers)).toMatchObject([{ owner: OWNER }]);
});

test("a name that is taken is refused by its field, and the token can be used again", async () => {
  await enrolProvider(world.deps, body({ token: await token() }));
  const second = await token(RENTER);
  const same = enrolProvider(world.deps, body({ token: second }));
  await expect(same).rejects.toMatchObject({ code: "conflict", extras: { fields: [{ field: "name" }] } });
  await enrolProvider(world.deps, body({ token: second, name: "demo-2" }));
  expect(await count(providers)).toBe(2);
});

test("a removed machine does not come back with the same key", async () => {
  const given = body({ token: await token() });
  await enrolProvider(world.deps, given);
  await world.db.update(providers).set({ admission: "removed" });
  await expect(enrolProvider(world.deps, { ...given, token: await token() })).rejects.toMatchObject({
    code: "conflict",
  });
});

test("where operators decide, a machine waits, and says so; nothing is rented on it before", async () => {
  const settings = { ...world.deps.settings, admission: { agent: "manual", node: "automatic" } } as const;
  const { providerId } = await enrolProvider({ ...world.deps, settings }, body({ token: await token() }));
  expect(await world.db.select().from(providers)).toMatchObject([{ admission: "pending" }]);
  expect(await world.db.select().from(offers)).toMatchObject([{ available: false }, { available: false }]);
  const [event] = await world.db.select().from(events);
  expect(event).toMatchObject({ subject: providerId, data: { waits: true } });
  expect(event?.message).toContain("waits for approval");
});

test("a machine that would join a cluster is refused clearly where there is none", async () => {
  const joining = body({ token: await token() });
  const refused = enrolProvider(world.deps, { ...joining, machine: { ...joining.machine, runtime: "kubernetes" } });
  await expect(refused).rejects.toMatchObject({ code: "conflict", extras: { fields: [{ field: "machine.runtime" }] } });
  expect(await count(providers)).toBe(0);
});

test("a machine that joins the cluster is issued a name of its own, waits by the setting of nodes, and wakes its node side", async () => {
  const joining = body({ token: await token(), name: `a${"-b".repeat(31)}` });
  const machine = { ...joining.machine, runtime: "kubernetes" as const };
  const { providerId } = await enrolProvider({ ...world.deps, nodes: {} }, { ...joining, machine });
  const [node] = await world.db.select().from(providerNodes);
  expect(node?.nodeName).toMatch(/^a[a-z0-9-]{0,61}[a-z0-9]$/);
  expect(node?.nodeName.endsWith(providerId.slice(-8))).toBe(true);
  expect(await world.db.select().from(providers)).toMatchObject([{ admission: "pending" }]);
  expect(world.rings).toEqual([providerId]);
});

test("a stolen token moves no payout: neither a key, nor an external id, nor a wallet changes hands", async () => {
  const mine = body({ token: await token() });
  const { providerId } = await enrolProvider(world.deps, mine, { externalId: "provider-1a2b3c4d" });
  const thief = { ...body({ name: "thief", token: await token(RENTER) }) };
  const attempts = [
    () => enrolProvider(world.deps, { ...thief, public_key: mine.public_key }),
    () => enrolProvider(world.deps, { ...thief, public_key: mine.public_key }, { externalId: "provider-1a2b3c4d" }),
    () => enrolProvider(world.deps, thief, { externalId: "provider-1a2b3c4d" }),
    () => enrolProvider(world.deps, { ...thief, token: mine.token }),
    () => enrolProvider(world.deps, { ...thief, token: mine.token }, { externalId: "provider-1a2b3c4d" }),
  ];
  for (const attempt of attempts)
    await expect(attempt()).rejects.toMatchObject({ code: expect.stringMatching(/^(conflict|token-used)$/) });
  const fresh = { ...thief, token: await token() }; // one of the owner's that was never used: still another machine
  await expect(enrolProvider(world.deps, fresh, { externalId: "provider-1a2b3c4d" })).rejects.toMatchObject({
    code: "conflict",
    extras: { fields: [{ field: "external_id" }] },
  });
  expect(await world.db.select().from(providers)).toMatchObject([
    { id: providerId, owner: OWNER, publicKey: mine.public_key, externalId: "provider-1a2b3c4d" },
  ]);
});

test("a machine keeps the id it came with, is known by it again, and takes no second one", async () => {
  const given = body({ token: await token() });
  const first = await enrolProvider(world.deps, given);
  expect(await enrolProvider(world.deps, given, { externalId: "p-1" })).toEqual(first);
  expect(await enrolProvider(world.deps, given, { externalId: "p-1" })).toEqual(first);
  await expect(enrolProvider(world.deps, given, { externalId: "p-2" })).rejects.toMatchObject({ code: "conflict" });
  const other = body({ token: await token(), name: "demo-2" });
  await enrolProvider(world.deps, other);
  await expect(enrolProvider(world.deps, other, { externalId: "p-1" })).rejects.toMatchObject({ code: "conflict" });
  const all = await world.db.select().from(providers).orderBy(providers.name);
  expect(all.map(({ externalId }) => externalId)).toEqual(["p-1", null]);
});

test("of two machines that claim one id at once, one has it", async () => {
  const claims = await Promise.all(["a", "b"].map(async (name) => body({ name, token: await token() })));
  const both = await Promise.allSettled(
    claims.map((claim) => enrolProvider(world.deps, claim, { externalId: "provider-1" })),
  );
  expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  const [refused] = both.filter((each) => each.status === "rejected");
  expect(refused?.reason).toMatchObject({ code: "conflict", extras: { fields: [{ field: "external_id" }] } });
});

test.each([
  ["another kind of key", newKey("x25519")],
  ["no key at all", "A".repeat(60)],
  ["a key with something behind it", `${newKey()}AAAA`],
])("%s is refused by its field", async (_, public_key) => {
  const refused = enrolProvider(world.deps, body({ token: await token(), public_key }));
  await expect(refused).rejects.toMatchObject({ code: "bad-request", extras: { fields: [{ field: "public_key" }] } });
});

test.each(["$(reboot)", "-oProxyCommand=x", "a b", "a;b", ""])("the address %j could harm who copies it", (host) => {
  expect(Enrol.safeParse({ ...body(), host }).success).toBe(false);
});

test("a machine that names a GPU twice is refused", () => {
  const good = body();
  const twice = { ...good.machine, gpus: [good.machine.gpus[0], good.machine.gpus[0]] };
  expect(Enrol.safeParse({ ...good, machine: twice }).success).toBe(false);
});
