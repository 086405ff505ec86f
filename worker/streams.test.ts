// The seed's streams on a real Redis and a real PostgreSQL: what is taken, what is refused, and why.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { eq } from "drizzle-orm";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { walletPrincipal } from "../domain/account/principal.ts";
import { providerNodes, providerPresence, providers } from "../drizzle/schema/provider.ts";
import { HEARTBEAT_STREAM, PARKED_STREAM, REGISTRATION_STREAM, responseStream } from "../protocol/streams.ts";
import { systemIds } from "../server/adapters/system/ids.ts";
import type { Deps, Settings } from "../server/deps.ts";
import { type TestRedis, testRedis } from "../server/testing/redis.ts";
import { address, openWorld, type World } from "../server/testing/world.ts";
import { createEnrolmentToken } from "../server/usecases/provider/create-enrolment-token.ts";
import { startStreams } from "./streams.ts";
import {
  add,
  type Fields,
  newMachine,
  responsesOf,
  seedHeartbeat,
  seedRegistration,
  someCluster,
} from "./testing/machines.ts";
import { QUICK } from "./testing/timing.ts";

const OWNER = address(501);
const STRANGER = address(666);
/** Redis, PostgreSQL and a consumer have to do something in turn, and the machine may be busy with much else. */
const PATIENCE = { timeout: 20_000 };
vi.setConfig({ testTimeout: 90_000 });

let world: World;
let server: TestRedis;
let redis: Redis;
let deps: Deps;
let streams: { close(): Promise<void> } | undefined;
let made = 0;

beforeAll(async () => {
  [world, server] = await Promise.all([openWorld(), testRedis()]);
  redis = new Redis(server.url, { retryStrategy: () => 50 });
  redis.on("error", () => {}); // some tests end the server
  const clock = { now: () => new Date() };
  deps = { ...world.deps, clock, ids: systemIds(clock), nodes: someCluster };
  await world.customer(501);
  await world.customer(666);
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
  await world?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await redis.flushall();
});
afterEach(async () => {
  await streams?.close();
  streams = undefined;
});

function start(over: Partial<Settings> = {}, more: Partial<Deps> = {}) {
  const settings = { ...deps.settings, ...over };
  streams = startStreams({ ...deps, ...more, settings }, { redisUrl: server.url, name: "test", timing: QUICK });
}

const fresh = () => newMachine(`rig-${made++}`);
const tokenOf = async (owner: string) => (await createEnrolmentToken(deps, walletPrincipal(owner))).token;

/** Writes an entry, and waits until it came to its end. */
async function send(stream: string, fields: Fields): Promise<void> {
  await add(redis, stream, fields);
  await settled(stream);
}

async function settled(stream: string): Promise<void> {
  await vi.waitFor(async () => expect(await redis.xlen(stream)).toBe(0), { ...PATIENCE, interval: 20 });
}

async function parked(): Promise<Record<string, string>[]> {
  return (await redis.xrange(PARKED_STREAM, "-", "+")).map(([, flat]) => {
    const fields: Record<string, string> = {};
    for (let at = 0; at < flat.length; at += 2) fields[flat[at] ?? ""] = flat[at + 1] ?? "";
    return fields;
  });
}

async function rowOf(name: string) {
  const [row] = await world.db.select().from(providers).where(eq(providers.externalId, name));
  return row;
}

async function heardOf(name: string) {
  const row = await rowOf(name);
  if (!row) return null;
  const [heard] = await world.db.select().from(providerPresence).where(eq(providerPresence.providerId, row.id));
  return heard;
}

async function registered() {
  const machine = fresh();
  await send(REGISTRATION_STREAM, machine.registration(OWNER, await tokenOf(OWNER), 1));
  expect(await responsesOf(redis, machine.name)).toMatchObject([{ success: true }]);
  return machine;
}

test("a registration as the seed writes it, signed and with a token, enrols a node of the token's owner and is answered", async () => {
  start();
  const machine = fresh();
  await send(REGISTRATION_STREAM, machine.registration(OWNER, await tokenOf(OWNER), 1));
  expect(await responsesOf(redis, machine.name)).toEqual([
    {
      success: true,
      status: "pending",
      message: "Registered. An operator decides; the join command follows on this stream.",
      ...{ join_token: null, join_command: null, master_ip: null, master_port: null, ca_hash: null, node_name: null },
      labels: {},
    },
  ]);
  expect(await rowOf(machine.name)).toMatchObject({
    owner: OWNER,
    name: machine.name,
    publicKey: machine.publicKey,
    runtime: "kubernetes",
    admission: "pending",
    pricePerGpuHour: 500_000n,
    pricePerCpuHour: 10_000n,
    host: "198.51.100.7",
    cpuCores: 32,
    memoryGb: 128,
    diskGb: 500,
    declared: true,
  });
  expect(await parked()).toEqual([]);
  const life = await redis.pttl(responseStream(machine.name));
  expect(life).toBeGreaterThan(0);
});

test("a machine that registers again is told how it stands, needs no token, and changes nothing", async () => {
  start();
  const machine = await registered();
  const before = await rowOf(machine.name);
  const again = { token: undefined, capacity: { gpu_price_per_hour: 9 } };
  await send(REGISTRATION_STREAM, machine.registration(OWNER, "", 2, again));
  const [, answer] = await responsesOf(redis, machine.name);
  expect(answer).toMatchObject({ success: true, status: "pending" });
  expect(answer?.message).toContain("nothing was changed");
  expect(await rowOf(machine.name)).toEqual(before);
});

test("a name belongs to the account that registered it first: nobody else's token, key or wallet moves the payout", async () => {
  start();
  const machine = await registered();
  const before = await rowOf(machine.name);
  const thief = newMachine(machine.name);
  const stolen = await tokenOf(OWNER);
  const attempts = [
    machine.registration(STRANGER, await tokenOf(STRANGER), 2), // the same key, another wallet
    thief.registration(STRANGER, await tokenOf(STRANGER), 3), // another key and wallet
    thief.registration(OWNER, stolen, 4), // another key, with a token of the owner
  ];
  for (const fields of attempts) await send(REGISTRATION_STREAM, fields);
  expect((await parked()).map(({ reason }) => reason)).toEqual(["other-owner", "other-owner", "forged"]);
  expect(await rowOf(machine.name)).toEqual(before);
  const answers = await responsesOf(redis, machine.name);
  expect(answers.slice(1).map(({ success, reason }) => [success, reason])).toEqual([
    [false, "other-owner"],
    [false, "other-owner"],
    [false, "forged"],
  ]);
});

test("a token enrols for its own account only, once, and stays unused where the registration is refused", async () => {
  start();
  const token = await tokenOf(OWNER);
  const machine = fresh();
  await send(REGISTRATION_STREAM, machine.registration(STRANGER, token, 1));
  expect(await rowOf(machine.name)).toBeUndefined();
  await send(REGISTRATION_STREAM, machine.registration(OWNER, token, 2));
  expect(await rowOf(machine.name)).toMatchObject({ owner: OWNER });
  await send(REGISTRATION_STREAM, fresh().registration(OWNER, token, 1));
  await send(REGISTRATION_STREAM, fresh().registration(OWNER, "no-such-token-at-all-anywhere", 1));
  const absent = fresh();
  await send(REGISTRATION_STREAM, absent.registration(OWNER, "", 1, { token: undefined }));
  expect((await parked()).map(({ reason }) => reason)).toEqual(["other-owner", "bad-token", "bad-token", "bad-token"]);
  expect(await responsesOf(redis, absent.name)).toMatchObject([{ success: false, reason: "bad-token" }]);
});

test("what is not signed by the machine's own key is refused, be it unsigned, signed by another, or changed on the way", async () => {
  start();
  const machine = await registered();
  const good = machine.heartbeat(5);
  const { data = "", timestamp = "" } = good;
  const forgeries: [Fields, string][] = [
    [{ data, timestamp }, "unsigned"],
    [newMachine(machine.name).heartbeat(5), "forged"],
    [{ ...good, data: data.replace("12.5", "13.5") }, "forged"],
    [{ ...good, sequence: "6" }, "forged"],
    [{ ...good, timestamp: new Date(Date.now() + 1_000).toISOString() }, "forged"],
    [{ ...good, signature: "A".repeat(86).concat("==") }, "forged"],
    [{ ...good, signature: "no base64" }, "forged"],
    [machine.signed(REGISTRATION_STREAM, seedHeartbeat(machine.name), 5), "forged"], // another stream's
  ];
  for (const [fields] of forgeries) await send(HEARTBEAT_STREAM, fields);
  expect((await parked()).map(({ reason }) => reason)).toEqual(forgeries.map(([, reason]) => reason));
  expect((await heardOf(machine.name))?.seq).toBe(1);
  await send(HEARTBEAT_STREAM, good);
  expect((await heardOf(machine.name))?.seq).toBe(5);
});

test("a heartbeat's usage is written down, and decides nothing about the machine's presence", async () => {
  start();
  const machine = await registered();
  await send(HEARTBEAT_STREAM, machine.heartbeat(2));
  expect(await heardOf(machine.name)).toMatchObject({
    seq: 2,
    report: [],
    usage: {
      cpu_percent: 12.5,
      memory_used_mb: 65_536,
      gpus: [{ uuid: "declared-0", utilization_percent: 37.5, memory_used_mb: 8_192 }],
    },
  });
  expect(await rowOf(machine.name)).toMatchObject({ presence: "unseen", admission: "pending" });
  expect(await responsesOf(redis, machine.name)).toHaveLength(1);
});

test("our own id of the machine does as well in a heartbeat", async () => {
  start();
  const machine = await registered();
  const row = await rowOf(machine.name);
  await send(HEARTBEAT_STREAM, machine.heartbeat(2, { provider_id: row?.id }));
  expect((await heardOf(machine.name))?.seq).toBe(2);
});

test("a replayed message and one out of order are refused with their reason, and change nothing", async () => {
  start();
  const machine = fresh();
  const registration = machine.registration(OWNER, await tokenOf(OWNER), 1);
  await send(REGISTRATION_STREAM, registration);
  await send(REGISTRATION_STREAM, registration);
  const beats = [machine.heartbeat(10), machine.heartbeat(10), machine.heartbeat(9), machine.heartbeat(11)];
  for (const beat of beats) await send(HEARTBEAT_STREAM, beat);
  expect((await parked()).map(({ stream, reason }) => [stream, reason])).toEqual([
    [REGISTRATION_STREAM, "replayed"],
    [HEARTBEAT_STREAM, "replayed"],
    [HEARTBEAT_STREAM, "out-of-order"],
  ]);
  expect((await heardOf(machine.name))?.seq).toBe(11);
  const answers = await responsesOf(redis, machine.name);
  expect(answers.map(({ reason = "" }) => reason)).toEqual(["", "replayed", "replayed", "out-of-order"]);
});

test("read in one batch, a replay is still told from what it repeats", async () => {
  start();
  const machine = await registered();
  await streams?.close();
  for (const seq of [5, 6, 6, 4, 7]) await add(redis, HEARTBEAT_STREAM, machine.heartbeat(seq));
  start();
  await settled(HEARTBEAT_STREAM);
  expect((await heardOf(machine.name))?.seq).toBe(7);
  // The newest of a batch counts for all before it; what it overtook is no fault of the machine.
  expect(await parked()).toEqual([]);
  for (const seq of [7, 6]) await send(HEARTBEAT_STREAM, machine.heartbeat(seq));
  expect((await parked()).map(({ reason }) => reason)).toEqual(["replayed", "out-of-order"]);
});

const MALFORMED: [string, unknown, RegExp][] = [
  ["no JSON", "{", /./],
  ["an array", [], /./],
  ["null", null, /./],
  ["no fields", {}, /./],
  ["a name with a slash", { provider_id: "a/b" }, /provider_id/],
  ["our own ids' prefix", { provider_id: `prov_${"0".repeat(26)}` }, /prov_/],
  ["a wallet that is none", { wallet_addr: "0x1234...abcd" }, /wallet_addr/],
  ["no spec", { spec: undefined }, /spec/],
  ["more than six decimals", { capacity: { gpu_price_per_hour: 0.1234567 } }, /6 decimals/],
  ["a negative price", { capacity: { gpu_price_per_hour: -1 } }, /6 decimals/],
  ["a price in words", { capacity: { gpu_price_per_hour: "cheap" } }, /6 decimals/],
  ["no price", { capacity: {} }, /gpu_price_per_hour/],
  ["NUL in a name", { spec: { ...seedRegistration("x", OWNER).spec, hostname: "a\0b" } }, /hostname/],
  ["fewer GPUs than it counts", { spec: withGpus(["A", "B"], 4) }, /total_gpus/],
  ["two prices", { spec: withGpus(["A", "B"], 2), capacity: { gpu_prices_per_hour: { A: 1, B: 2 } } }, /one price/],
  ["no address", { spec: { ...seedRegistration("x", OWNER).spec, public_ip: "" } }, /public_ip/],
];

function withGpus(names: string[], total: number) {
  const gpus = names.map((name, index) => ({ index, name, memory_mb: 1_000, uuid: `GPU-${name}` }));
  return { ...seedRegistration("x", OWNER).spec, gpus, total_gpus: total };
}

test.each(MALFORMED)("a registration with %s is refused with what is wrong, and parked", async (_, content, why) => {
  start();
  const machine = fresh();
  const token = await tokenOf(OWNER);
  const whole = typeof content === "object" && content !== null && !Array.isArray(content);
  const over = whole ? { ...content } : {};
  const fields =
    whole && Object.keys(content).length > 0
      ? machine.registration(OWNER, token, 1, over)
      : machine.signed(REGISTRATION_STREAM, content, 1);
  await send(REGISTRATION_STREAM, fields);
  expect(await parked()).toMatchObject([{ stream: REGISTRATION_STREAM, reason: "malformed", deliveries: "1" }]);
  const name = "provider_id" in over ? String(over.provider_id) : machine.name;
  const answers = await responsesOf(redis, name);
  for (const { success, message } of answers) expect([success, message]).toEqual([false, expect.stringMatching(why)]);
  if (whole && Object.keys(content).length > 0 && !name.includes("/")) expect(answers).toHaveLength(1);
  expect(await rowOf(machine.name)).toBeUndefined();
});

// Made when their test runs: what was signed when the file was loaded may be too old by then.
test.each<[string, () => Fields, string]>([
  ["nothing of ours", () => ({ a: "b" }), "malformed"],
  ["no timestamp", () => ({ data: JSON.stringify(seedHeartbeat("rig-x")) }), "malformed"],
  [
    "an hour ago",
    () => ({ data: JSON.stringify(seedHeartbeat("rig-x")), timestamp: new Date(Date.now() - 3_600_000).toISOString() }),
    "wrong-time",
  ],
  ["a machine nobody knows", () => newMachine("rig-nobody").heartbeat(1), "unknown-provider"],
  ["half a megabyte", () => newMachine("rig-huge").heartbeat(1, { filler: "x".repeat(500_000) }), "too-large"],
])("a heartbeat with %s is refused with its reason", async (_, fieldsOf, reason) => {
  start();
  await send(HEARTBEAT_STREAM, fieldsOf());
  expect(await parked()).toMatchObject([{ stream: HEARTBEAT_STREAM, reason }]);
});

test("a machine that was turned away, and one that is no node, are told so", async () => {
  start();
  const machine = await registered();
  await world.db.update(providers).set({ admission: "removed" }).where(eq(providers.externalId, machine.name));
  await send(HEARTBEAT_STREAM, machine.heartbeat(2));
  await send(REGISTRATION_STREAM, machine.registration(OWNER, "", 3, { token: undefined }));
  const agent = fresh();
  const id = await world.provider();
  await world.db.update(providers).set({ publicKey: agent.publicKey }).where(eq(providers.id, id));
  await send(HEARTBEAT_STREAM, agent.heartbeat(2, { provider_id: id }));
  expect((await parked()).map(({ reason }) => reason)).toEqual(["turned-away", "turned-away", "not-a-node"]);
});

test("where the broker has no cluster, a registration is refused with what to do instead", async () => {
  start({}, { nodes: null });
  const machine = fresh();
  await send(REGISTRATION_STREAM, machine.registration(OWNER, await tokenOf(OWNER), 1));
  const [answer] = await responsesOf(redis, machine.name);
  expect(answer).toMatchObject({ success: false, reason: "no-cluster" });
  expect(answer?.message).toContain("berth-agent");
  expect(await rowOf(machine.name)).toBeUndefined();
});

test("where the operator allows unsigned messages, a machine waits for approval whatever the rule is, and may beat", async () => {
  start({ allowUnsignedStreams: true, admission: { agent: "automatic", node: "automatic" } });
  const { name } = fresh();
  const wallet = address(777); // nobody that logged in before
  const unsigned = (content: unknown): Fields => ({
    data: JSON.stringify(content),
    timestamp: new Date().toISOString(),
  });
  await send(REGISTRATION_STREAM, unsigned(seedRegistration(name, wallet)));
  expect(await rowOf(name)).toMatchObject({ owner: wallet, admission: "pending", runtime: "kubernetes" });
  await send(HEARTBEAT_STREAM, unsigned(seedHeartbeat(name)));
  expect((await heardOf(name))?.usage).toMatchObject({ cpu_percent: 12.5 });
  expect(await parked()).toEqual([]);

  await send(REGISTRATION_STREAM, unsigned(seedRegistration(name, STRANGER)));
  await send(HEARTBEAT_STREAM, newMachine(name).heartbeat(2 ** 50));
  expect((await parked()).map(({ reason }) => reason)).toEqual(["other-owner", "forged"]);
  expect(await rowOf(name)).toMatchObject({ owner: wallet });
});

test("a machine that has a key must sign, even where unsigned messages are allowed", async () => {
  start({ allowUnsignedStreams: true });
  const machine = await registered();
  const { data = "", timestamp = "" } = machine.heartbeat(2);
  await send(HEARTBEAT_STREAM, { data, timestamp });
  const keyed = fresh();
  const { signature: _, ...bare } = keyed.registration(OWNER, await tokenOf(OWNER), 1);
  await send(REGISTRATION_STREAM, bare);
  expect((await parked()).map(({ reason }) => reason)).toEqual(["unsigned", "unsigned"]);
});

test("what was sent before the first worker started is taken", async () => {
  const machine = fresh();
  await add(redis, REGISTRATION_STREAM, machine.registration(OWNER, await tokenOf(OWNER), 1));
  start();
  await settled(REGISTRATION_STREAM);
  expect(await responsesOf(redis, machine.name)).toMatchObject([{ success: true }]);
});

test("an issued ticket is answered with the whole join command, again when the machine asks again, and never when expired", async () => {
  start();
  const machine = await registered();
  const row = await rowOf(machine.name);
  if (!row) throw new Error("the machine is not there");
  const issue = async (tokenId: string, expiresInMs: number) => {
    const ticket = {
      nodeName: `berth-${machine.name}`,
      tokenId,
      sealedToken: deps.secrets.seal(`${tokenId}.0123456789abcdef`),
      tokenExpiresAt: new Date(Date.now() + expiresInMs),
      caHash: `sha256:${"a".repeat(64)}`,
      apiServer: "203.0.113.9:6443",
    };
    await world.db
      .insert(providerNodes)
      .values({ providerId: row.id, ...ticket })
      .onConflictDoUpdate({ target: providerNodes.providerId, set: ticket });
  };
  const answers = (count: number) =>
    vi.waitFor(async () => expect(await responsesOf(redis, machine.name)).toHaveLength(count), PATIENCE);

  await world.db.update(providers).set({ admission: "approved" }).where(eq(providers.id, row.id));
  await issue("abcdef", 600_000);
  await answers(2);
  expect((await responsesOf(redis, machine.name))[1]).toEqual({
    success: true,
    status: "approved",
    message: "Join the cluster now.",
    join_token: "abcdef.0123456789abcdef",
    join_command: `kubeadm join 203.0.113.9:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:${"a".repeat(64)} --node-name berth-${machine.name}`,
    master_ip: "203.0.113.9",
    master_port: 6443,
    ca_hash: `sha256:${"a".repeat(64)}`,
    node_name: `berth-${machine.name}`,
    labels: {
      "berth.dev/rental-type": "gpu",
      "berth.dev/provider-id": row.id,
      "berth.dev/gpu-model": "NVIDIA-GeForce-RTX-4090",
    },
  });

  await send(REGISTRATION_STREAM, machine.registration(OWNER, "", 2, { token: undefined }));
  await answers(4);
  expect((await responsesOf(redis, machine.name))[3]?.join_token).toBe("abcdef.0123456789abcdef");
  await issue("expird", -1_000);
  await issue("second", 600_000);
  await answers(5);
  expect((await responsesOf(redis, machine.name))[4]?.join_token).toBe("second.0123456789abcdef");
  await new Promise((wake) => setTimeout(wake, 2_500));
  await answers(5);
});

test("a Redis that restarts, with its data or without, is found again, and what comes then is taken", async () => {
  start();
  const machine = await registered();
  for (const [data, seq] of [
    ["kept", 10],
    ["lost", 20],
  ] as const) {
    await server.halt(data);
    await new Promise((wake) => setTimeout(wake, 500));
    await server.resume();
    await vi.waitFor(() => redis.ping(), PATIENCE);
    await add(redis, HEARTBEAT_STREAM, machine.heartbeat(seq));
    await vi.waitFor(async () => expect((await heardOf(machine.name))?.seq).toBe(seq), PATIENCE);
    await settled(HEARTBEAT_STREAM);
  }
  expect(await parked()).toEqual([]);
});

test("a worker that starts while Redis is away consumes once it is there", async () => {
  await server.halt("lost");
  start();
  await new Promise((wake) => setTimeout(wake, 500));
  await server.resume();
  await vi.waitFor(() => redis.ping(), PATIENCE);
  const machine = fresh();
  await add(redis, REGISTRATION_STREAM, machine.registration(OWNER, await tokenOf(OWNER), 1));
  await vi.waitFor(async () => expect(await responsesOf(redis, machine.name)).toHaveLength(1), PATIENCE);
});

test("the guide's example, run as it is written, registers a machine and beats for it", async () => {
  start();
  const guide = await readFile(new URL("../docs/guides/redis-streams.md", import.meta.url), "utf8");
  const script = /```bash\n([\s\S]*?)```/.exec(guide)?.[1] ?? "";
  const cwd = await mkdtemp(join(tmpdir(), "berth-guide-"));
  try {
    const env = { ...process.env, REDIS_URL: server.url, WALLET: OWNER, TOKEN: await tokenOf(OWNER) };
    await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script], { cwd, env });
    await settled(HEARTBEAT_STREAM);
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
  expect(await parked()).toEqual([]);
  expect(await heardOf("rig-01")).toMatchObject({ seq: 2, usage: { cpu_percent: 12.5 } });
});
