import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProviderId } from "../../domain/ids.ts";
import { providerPresence, providers } from "../../drizzle/schema/provider.ts";
import { SIGNATURE_HEADERS, signedText } from "../../protocol/agent.ts";
import { openWire, type Wire } from "../testing/wire.ts";

const agent = generateKeyPairSync("ed25519");
let wire: Wire;
let id: ProviderId;
let seq = 10;

beforeAll(async () => {
  wire = await openWire();
  id = await wire.world.provider({ gpus: 0 });
  const publicKey = agent.publicKey.export({ type: "spki", format: "der" }).toString("base64");
  await wire.world.db.update(providers).set({ publicKey }).where(eq(providers.id, id));
});
afterAll(() => wire[Symbol.asyncDispose]());

interface Forgery {
  readonly key?: KeyObject;
  readonly path?: string;
  readonly body?: string;
  readonly skewMs?: number;
  readonly signedSeq?: number;
  readonly headers?: Record<string, string>;
  readonly sentTo?: string;
  /** instead of a beat of the next number */
  readonly raw?: string;
}

function beatOf(number: number): string {
  return JSON.stringify({
    seq: number,
    agent_version: "1",
    instance: "0".repeat(32),
    machine: {
      ...{
        hostname: "h",
        os: "o",
        architecture: "x64",
        cpu_model: "c",
        cpu_cores: 128,
        memory_mb: 512 * 1024,
        disk_gb: 4000,
      },
      ...{ gpus: [], runtime: "process", sandboxed: true },
    },
    usage: { cpu_percent: 0, memory_used_mb: 0, gpus: [] },
    executions: [],
    generation: 0,
  });
}

function beat({
  key = agent.privateKey,
  path,
  body,
  skewMs = 0,
  signedSeq,
  headers,
  sentTo,
  raw: given,
}: Forgery = {}) {
  seq += 1;
  const target = sentTo ?? `/api/v1/providers/${id}/heartbeat?wait=0`;
  const raw = given ?? beatOf(seq);
  const time = new Date(wire.deps.clock.now().getTime() + skewMs).toISOString();
  const bodyHash = createHash("sha256")
    .update(body ?? raw)
    .digest("hex");
  const text = signedText("POST", path ?? target, time, signedSeq ?? seq, bodyHash);
  return wire.ask(target, {
    raw,
    headers: {
      "content-type": "application/json",
      [SIGNATURE_HEADERS.time]: time,
      [SIGNATURE_HEADERS.sequence]: String(signedSeq ?? seq),
      [SIGNATURE_HEADERS.signature]: sign(null, Buffer.from(text), key).toString("base64"),
      ...headers,
    },
  });
}
const presence = () => wire.world.db.select().from(providerPresence).where(eq(providerPresence.providerId, id));
const lastSeq = async () => (await presence())[0]?.seq;
const drainPath = () => `/api/v1/providers/${id}/agent-drain`;
async function row() {
  const [provider] = await wire.world.db.select().from(providers).where(eq(providers.id, id));
  if (!provider) throw new Error("the provider is gone");
  return provider;
}

test("a signed beat is taken and answered with what should run", async () => {
  const answer = await beat();
  expect(answer.json).toMatchObject({ executions: [], generation: expect.any(Number) });
  expect([answer.status, answer.headers["cache-control"]]).toEqual([200, "no-store"]);
  expect(await lastSeq()).toBe(seq);
});

test("a beat that is not signed by the machine, over this very request, now, changes nothing", async () => {
  await beat();
  const before = await lastSeq();
  const forgeries: Record<string, Forgery> = {
    "another key": { key: generateKeyPairSync("ed25519").privateKey },
    "another path": { path: `/api/v1/providers/${id}/heartbeat?wait=25` },
    "another body": { body: "{}" },
    "too old": { skewMs: -5 * 60_000 - 1 },
    "too new": { skewMs: 5 * 60_000 + 1 },
    "another sequence": { signedSeq: 9_999 },
    "no signature": { headers: { [SIGNATURE_HEADERS.signature]: "" } },
    "no time": { headers: { [SIGNATURE_HEADERS.time]: "now" } },
    "a bearer token instead": {
      headers: { [SIGNATURE_HEADERS.signature]: "x", authorization: `Bearer ${(await wire.login()).token}` },
    },
  };
  for (const [what, forgery] of Object.entries(forgeries)) {
    const { status, json } = await beat(forgery);
    expect([status, json.code], what).toEqual([401, "bad-signature"]);
  }
  expect(await lastSeq()).toBe(before);
  expect((await beat({ skewMs: -4 * 60_000 })).status).toBe(200);
});

test("an unknown provider is not found, and a beat again is stale", async () => {
  const other = `prov_${"0".repeat(26)}`;
  expect((await beat({ sentTo: `/api/v1/providers/${other}/heartbeat?wait=0` })).status).toBe(404);
  await beat();
  seq -= 1;
  expect((await beat()).json).toMatchObject({ status: 409, code: "stale-sequence" });
});

test("a beat that was listened to and is sent again changes nothing, at its own path or another", async () => {
  const sent = { time: wire.deps.clock.now().toISOString(), raw: beatOf(++seq) };
  const path = `/api/v1/providers/${id}/heartbeat?wait=0`;
  const hash = createHash("sha256").update(sent.raw).digest("hex");
  const text = signedText("POST", path, sent.time, seq, hash);
  const headers = {
    "content-type": "application/json",
    [SIGNATURE_HEADERS.time]: sent.time,
    [SIGNATURE_HEADERS.sequence]: String(seq),
    [SIGNATURE_HEADERS.signature]: sign(null, Buffer.from(text), agent.privateKey).toString("base64"),
  };
  expect((await wire.ask(path, { raw: sent.raw, headers })).status).toBe(200);
  const before = await presence();
  expect((await wire.ask(path, { raw: sent.raw, headers })).json).toMatchObject({ code: "stale-sequence" });
  expect((await wire.ask(drainPath(), { raw: sent.raw, headers })).json).toMatchObject({ code: "bad-signature" });
  expect(await presence()).toEqual(before);
});

test("a machine drains itself by its own signature, once a number, and a beat after it counts on", async () => {
  await beat();
  const wish = (draining: boolean, number: number) => ({
    sentTo: drainPath(),
    raw: JSON.stringify({ seq: number, draining }),
  });
  const drain = async () => (await row()).drain;
  const answer = await beat(wish(true, seq + 1));
  expect([answer.status, answer.json]).toEqual([200, { draining: true, live_executions: 0 }]);
  expect(await drain()).toBe("draining");
  expect((await beat()).json).toMatchObject({ notices: [expect.stringContaining("Draining")] });

  const old = seq - 1;
  const forgeries: [Forgery, number, string][] = [
    [{ ...wish(false, seq + 1), signedSeq: seq + 9 }, 401, "bad-signature"],
    [{ ...wish(false, old), signedSeq: old }, 409, "stale-sequence"],
    [{ ...wish(false, seq + 3), key: generateKeyPairSync("ed25519").privateKey }, 401, "bad-signature"],
    [{ ...wish(false, seq + 4), skewMs: 5 * 60_000 + 1 }, 401, "bad-signature"],
    [{ sentTo: drainPath(), raw: JSON.stringify({ seq: seq + 5, draining: "no" }) }, 400, "bad-request"],
  ];
  for (const [forgery, status, code] of forgeries)
    expect((await beat(forgery)).json, JSON.stringify(forgery)).toMatchObject({ status, code });
  expect(await drain()).toBe("draining");
  expect((await beat(wish(false, seq + 1))).json).toEqual({ draining: false, live_executions: 0 });
  expect(await drain()).toBe("none");
});

test("a machine that was removed is told so, once it has proved that it is that machine", async () => {
  await beat();
  const before = await presence();
  await wire.world.db
    .update(providers)
    .set({ admission: "removed", admissionReason: "Sold." })
    .where(eq(providers.id, id));
  try {
    expect((await beat()).json).toMatchObject({
      status: 403,
      code: "forbidden",
      detail: expect.stringContaining("Sold."),
    });
    const stranger = await beat({ key: generateKeyPairSync("ed25519").privateKey });
    expect(stranger.json).toMatchObject({ status: 401, code: "bad-signature" });
    expect(stranger.text).not.toContain("removed");
    expect(await presence()).toEqual(before);
  } finally {
    await wire.world.db
      .update(providers)
      .set({ admission: "approved", admissionReason: "" })
      .where(eq(providers.id, id));
  }
});

test("beats count for their provider, unsigned ones for their address", async () => {
  await using limited = await openWire({
    rates: { perAddress: 3, perAccount: 9, noncesPerAddress: 9, beatsPerProvider: 9 },
  });
  const path = `/api/v1/providers/prov_${"0".repeat(26)}/heartbeat`;
  const statuses = [];
  for (let n = 0; n < 4; n++) statuses.push((await limited.ask(path, { json: {} })).status);
  expect(statuses).toEqual([404, 404, 404, 429]);
});

test("a number that no column holds is refused by its name, and spoils nobody else's beat", async () => {
  const saying = (change: (beat: { generation: number; usage: { memory_used_mb: number } }) => void) => {
    const changed = JSON.parse(beatOf(seq + 1));
    change(changed);
    return beat({ raw: JSON.stringify(changed) });
  };
  const generation = await saying((said) => {
    said.generation = 2 ** 31;
  });
  expect(generation.status).toBe(400);
  expect(generation.json.fields).toEqual([expect.objectContaining({ field: "generation" })]);
  const memory = await saying((said) => {
    said.usage.memory_used_mb = 2 ** 40;
  });
  expect(memory.status).toBe(400);
  expect((await beat()).status).toBe(200);
});
