import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ExecutionStatus } from "../../domain/execution/state.ts";
import type { ExecutionId, ProviderId } from "../../domain/ids.ts";
import { executions, jobs } from "../../drizzle/schema/job.ts";
import { providers } from "../../drizzle/schema/provider.ts";
import { SIGNATURE_HEADERS, signedText } from "../../protocol/agent.ts";
import { logStore } from "../repos/logs.ts";
import { openWire, type Wire } from "../testing/wire.ts";

const MINUTE_MS = 60_000;
const key = generateKeyPairSync("ed25519");
let wire: Wire;
let provider: ProviderId;
let other: ProviderId;
let account: string;
let seq = 0;
beforeAll(async () => {
  wire = await openWire();
  [provider, other] = [await wire.world.provider({ gpus: 0 }), await wire.world.provider({ gpus: 0 })];
  const publicKey = key.publicKey.export({ type: "spki", format: "der" }).toString("base64");
  await wire.world.db.update(providers).set({ publicKey }).where(eq(providers.id, provider));
  account = (await wire.world.customer(1)).account;
});
afterAll(() => wire[Symbol.asyncDispose]());
let mine: ExecutionId;
beforeEach(async () => {
  mine = await runs(provider);
});

async function runs(
  providerId: ProviderId,
  end: { status: ExecutionStatus; endedAt: Date } | null = null,
): Promise<ExecutionId> {
  const { db, deps } = wire.world;
  const [jobId, id, at] = [deps.ids.next("job"), deps.ids.next("exec"), deps.clock.now()];
  const size = { cpuCores: 1, memoryGb: 1, diskGb: 1 };
  await db.insert(jobs).values({
    ...{ id: jobId, account, kind: "rental", name: "a rental", executionId: id, pinned: false, anonymous: false },
    ...{ gpuCount: 0, ...size, image: "i", hours: 1, rate: 1n, sealedEnv: "", sshPublicKeys: [], sealedHostKey: "" },
    ...{ hostKeyPublic: "", hostKeyFingerprint: "", createdAt: at },
  });
  await db.insert(executions).values({
    ...{ id, jobId, providerId, attempt: 1, desired: "run", status: "running", ...size, createdAt: at },
    ...end,
  });
  return id;
}

/** A part, signed by the first machine. */
const send = (execution: string, part: Record<string, unknown>, at = wire, number = ++seq) =>
  post(`/api/v1/providers/${provider}/executions/${execution}/logs`, part, at, number);

function post(target: string, body: Record<string, unknown>, at: Wire, number: number) {
  const raw = JSON.stringify({ seq: number, ...body });
  const time = at.deps.clock.now().toISOString();
  const hash = createHash("sha256").update(raw).digest("hex");
  const text = signedText("POST", target, time, number, hash);
  return at.ask(target, {
    raw,
    headers: {
      "content-type": "application/json",
      [SIGNATURE_HEADERS.time]: time,
      [SIGNATURE_HEADERS.sequence]: String(number),
      [SIGNATURE_HEADERS.signature]: sign(null, Buffer.from(text), key.privateKey).toString("base64"),
    },
  });
}
const kept = async (id: ExecutionId) =>
  (await logStore(wire.world.db).read(id, 0, 100)).map(({ text }) => text).join("");

test("parts are kept in order, each answer says where to go on, and an empty part only asks", async () => {
  expect((await send(mine, { offset: 0, text: "" })).json).toEqual({ next_offset: 0 });
  expect((await send(mine, { offset: 0, text: "one\n" })).json).toEqual({ next_offset: 4 });
  expect((await send(mine, { offset: 2, text: "e\ntwo\n" })).json).toEqual({ next_offset: 8 });
  expect((await send(mine, { offset: 0, text: "" })).json).toEqual({ next_offset: 8 });
  expect(await kept(mine)).toBe("one\ntwo\n");
});

test("a part that comes late, behind a beat or another part, is taken all the same", async () => {
  await send(mine, { offset: 0, text: "one\n" }, wire, 1000);
  expect((await send(mine, { offset: 4, text: "two\n" }, wire, 999)).status).toBe(200);
  expect(await kept(mine)).toBe("one\ntwo\n");
});

test("another machine's execution is not found, and neither is one that nobody knows", async () => {
  const theirs = await runs(other);
  for (const id of [theirs, "exec_00000000000000000000000000"])
    expect((await send(id, { offset: 0, text: "a lie\n" })).json).toMatchObject({ status: 404, code: "not-found" });
  expect(await kept(theirs)).toBe("");
});

test("after its end an execution has its last words for ten minutes, and none then", async () => {
  const ago = (ms: number) => new Date(wire.deps.clock.now().getTime() - ms);
  const justOver = await runs(provider, { status: "stopped", endedAt: ago(10 * MINUTE_MS) });
  expect((await send(justOver, { offset: 0, text: "bye\n" })).status).toBe(200);
  const longOver = await runs(provider, { status: "lost", endedAt: ago(10 * MINUTE_MS + 1) });
  expect((await send(longOver, { offset: 0, text: "bye\n" })).json).toMatchObject({ status: 409, code: "conflict" });
  expect(await kept(longOver)).toBe("");
});

test("what no database takes, what is too long and places beyond counting are refused by name", async () => {
  const wrong = {
    text: ["a\0b", "\ud800", "x".repeat(65_537)].map((text) => ({ offset: 0, text })),
    offset: [-1, 1.5, 2 ** 51].map((offset) => ({ offset, text: "x" })),
  };
  for (const [field, parts] of Object.entries(wrong))
    for (const part of parts) {
      const { status, json } = await send(mine, part);
      expect([status, json.fields?.[0]?.field]).toEqual([400, field]);
    }
  expect(await kept(mine)).toBe("");
});

test("a machine that sends too often waits, and its beats do not count with its parts", async () => {
  await using limited = await openWire({
    rates: { perAddress: 100, perAccount: 9, noncesPerAddress: 9, beatsPerProvider: 2 },
  });
  const publicKey = key.publicKey.export({ type: "spki", format: "der" }).toString("base64");
  const id = await limited.world.provider({ gpus: 0 });
  await limited.world.db.update(providers).set({ publicKey }).where(eq(providers.id, id));
  const before = provider;
  provider = id;
  try {
    const nobody = "exec_00000000000000000000000000";
    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await send(nobody, { offset: 0, text: "" }, limited)).status);
    expect(statuses).toEqual([404, 404, 429]);
    const drain = await post(`/api/v1/providers/${id}/agent-drain`, { draining: true }, limited, ++seq);
    expect(drain.status).toBe(200);
  } finally {
    provider = before;
  }
});
