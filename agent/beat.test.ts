// The loop against a real HTTP server that behaves as badly as brokers can.
import { createHash, createPublicKey, verify } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { ExecutionId } from "../domain/ids.ts";
import { type ExecutionReport, Heartbeat, signedText } from "../protocol/agent.ts";
import { startBeating } from "./beat.ts";
import { createBrokerClient } from "./broker-client.ts";
import type { Machine } from "./detect.ts";
import { type Identity, openIdentity } from "./identity.ts";
import type { MachineWatch } from "./machine-watch.ts";
import { until } from "./processes.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import { openSequence } from "./sequence.ts";

const A = "exec_01arz3ndektsv4rrffq69g5fa1";
const B = "exec_01arz3ndektsv4rrffq69g5fa2";
const PROVIDER = "prov_01arz3ndektsv4rrffq69g5fav";
const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Beat {
  readonly path: string;
  readonly raw: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Heartbeat;
  /** Resolves when the agent gave up waiting for the answer. */
  readonly cut: Promise<void>;
  answer(status: number, text: string, headers?: Record<string, string>): void;
}

/** A broker whose every answer the test gives; `next` waits for the beat after the last one seen. */
async function fakeBroker(port = 0) {
  const beats: Beat[] = [];
  let taken = 0;
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const cut = new Promise<void>((done) => response.on("close", () => !response.writableEnded && done()));
    let raw = "";
    request.on("data", (chunk) => {
      raw += chunk;
    });
    request.on("end", () => {
      const body = Heartbeat.parse(JSON.parse(raw));
      const answer: Beat["answer"] = (status, text, headers = {}) => response.writeHead(status, headers).end(text);
      beats.push({ path: request.url ?? "", raw, headers: request.headers, body, cut, answer });
    });
  });
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  const address = server.address();
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  ends.push(close);
  return {
    port: typeof address === "object" ? (address?.port ?? 0) : 0,
    beats,
    close,
    async next(): Promise<Beat> {
      await until(() => beats.length > taken, 8000, 5);
      const beat = beats[taken++];
      if (!beat) throw new Error("no beat came");
      return beat;
    },
  };
}

const wanted = (ids: readonly string[], generation = 1, change: object = {}) =>
  JSON.stringify({
    ...{ now: new Date().toISOString(), status: "available", notices: [], join: null, generation },
    ...change,
    executions: ids.map((id) => ({
      ...{
        id,
        job_id: "job_01arz3ndektsv4rrffq69g5fav",
        provider_id: PROVIDER,
        kind: "rental",
        image: "demo",
        cpu_cores: 1,
      },
      ...{ memory_mb: 1, disk_gb: 1, gpu_uuids: [], env: {}, ssh_public_keys: [], ssh_host_key: "k" },
      deadline: "2099-01-01T00:00:00.000Z",
    })),
  });

/** Executions that are nothing but their report. */
function fakeRuntime() {
  const reports = new Map<string, ExecutionReport>();
  /** Milliseconds that each execution was given, by this machine's clock. */
  const spans = new Map<string, number>();
  let news = () => {};
  const set = (report: ExecutionReport) => {
    reports.set(report.id, report);
    news();
  };
  const runtime: Runtime = {
    sandboxed: true,
    list: () => [...reports.values()],
    apply: async ({ id, deadline }, brokerAheadMs) => {
      spans.set(id, Date.parse(deadline) - brokerAheadMs - Date.now());
      if (!reports.has(id)) set({ id, state: "starting" });
    },
    remove: async (id: ExecutionId) => {
      reports.delete(id);
      news();
    },
    stopAll: async () => {},
    onNews: (listener) => {
      news = listener;
    },
    close: () => {},
  };
  return { runtime, set, reports, spans };
}

const MACHINE: Machine = {
  ...{ hostname: "h", os: "o", architecture: "a", cpu_model: "c", cpu_cores: 1, memory_mb: 1, disk_gb: 1, gpus: [] },
  ...{ runtime: "process", sandboxed: true },
};

interface World {
  readonly dir?: string;
  readonly machine?: MachineWatch;
  readonly now?: () => Date;
  readonly waitSeconds?: number;
  readonly marginMs?: number;
}

async function beating(port: number, world: World = {}) {
  const { dir = mkdtempSync(join(tmpdir(), "berth-beat-")), now, waitSeconds = 25, marginMs } = world;
  const identity: Identity = await openIdentity(dir);
  const { runtime, set, reports, spans } = fakeRuntime();
  const lines: { readonly level: string; readonly message: string; readonly fields: unknown }[] = [];
  const logger = (level: string) => (fields: unknown, message?: string) =>
    void lines.push({ level, message: message ?? "", fields });
  const answers: string[] = [];
  const beats = startBeating({
    ...{
      broker: createBrokerClient(`http://127.0.0.1:${port}`, identity, now, marginMs),
      providerId: PROVIDER,
      runtime,
    },
    machine: world.machine ?? { current: () => MACHINE, look: async () => {}, onChange: () => {} },
    usage: async () => ({ cpu_percent: 0, memory_used_mb: 0, gpus: [] }),
    sequence: await openSequence(dir),
    log: { info: logger("info"), warn: logger("warn"), error: logger("error") },
    backoff: { trouble: { firstMs: 1, capMs: 50 }, refused: { firstMs: 1, capMs: 50 } },
    watcher: { beating() {}, answered: ({ status }) => void answers.push(status), failed() {} },
    waitSeconds,
  });
  ends.push(() => beats.stop());
  return { beats, set, reports, spans, identity, dir, lines, answers };
}

test("a beat is signed over what was sent, query included, and asks to be held for 25 seconds", async () => {
  const broker = await fakeBroker();
  const { identity } = await beating(broker.port);
  const { path, raw, headers, body } = await broker.next();
  expect(path).toBe(`/api/v1/providers/${PROVIDER}/heartbeat?wait=25`);
  const time = String(headers["x-berth-time"]);
  expect(headers["x-berth-sequence"]).toBe(String(body.seq));
  const text = signedText("POST", path, time, body.seq, createHash("sha256").update(raw).digest("hex"));
  const key = createPublicKey({ key: Buffer.from(identity.publicKey, "base64"), format: "der", type: "spki" });
  expect(verify(null, Buffer.from(text), key, Buffer.from(String(headers["x-berth-signature"]), "base64"))).toBe(true);
});

test("the machine becomes what the answer says, and the next beat says which answer that was", async () => {
  const broker = await fakeBroker();
  const { reports } = await beating(broker.port);
  (await broker.next()).answer(200, wanted([A, B], 4));
  const second = await broker.next();
  expect(second.body.generation).toBe(4);
  expect(second.body.executions.map(({ id }) => id)).toEqual([A, B]);
  second.answer(200, wanted([B], 5));
  const third = await broker.next();
  expect(third.body).toMatchObject({ generation: 5, executions: [{ id: B }] });
  expect([...reports.keys()]).toEqual([B]);
});

test("news on the machine cuts the wait short, and at once a beat tells it", async () => {
  const broker = await fakeBroker();
  const { set } = await beating(broker.port);
  const waiting = await broker.next();
  const begin = performance.now();
  set({ id: A, state: "ready", port: 30_001, user: "root" });
  await waiting.cut;
  const told = await broker.next();
  expect(performance.now() - begin).toBeLessThan(2000);
  expect(told.body.executions).toEqual([{ id: A, state: "ready", port: 30_001, user: "root" }]);
});

test("one request is in flight at a time", async () => {
  const broker = await fakeBroker();
  const { set } = await beating(broker.port);
  await broker.next();
  for (let port = 30_000; port < 30_050; port++) set({ id: A, state: "ready", port, user: "root" });
  const last = await broker.next();
  expect(last.body.executions).toMatchObject([{ port: 30_049 }]);
  expect(broker.beats.length).toBeLessThanOrEqual(3);
});

test("whatever a broker answers, what runs keeps running and the beats go on", async () => {
  const broker = await fakeBroker();
  const { reports } = await beating(broker.port);
  (await broker.next()).answer(200, wanted([A]));
  (await broker.next()).answer(500, "boom");
  (await broker.next()).answer(200, "<html>not json</html>");
  (await broker.next()).answer(200, JSON.stringify({ executions: [] }));
  (await broker.next()).answer(200, wanted(["exec_iiiiiiiiiiiiiiiiiiiiiiiiii"])); // fits the wire, but is no id
  (await broker.next()).answer(200, "");
  (await broker.next()).answer(302, "", { location: "http://127.0.0.1:1/" });
  for (const status of [401, 403, 404, 409]) (await broker.next()).answer(status, "{}");
  const last = await broker.next();
  expect(last.body.executions.map(({ id }) => id)).toEqual([A]);
  expect([...reports.keys()]).toEqual([A]);
  expect(broker.beats.every((beat, i, all) => i === 0 || beat.body.seq > (all[i - 1]?.body.seq ?? 0))).toBe(true);
});

test("a broker that goes away is found again when it returns", async () => {
  const broker = await fakeBroker();
  const { reports } = await beating(broker.port);
  (await broker.next()).answer(200, wanted([A]));
  await broker.next();
  await broker.close();
  const returned = await fakeBroker(broker.port);
  expect((await returned.next()).body.executions.map(({ id }) => id)).toEqual([A]);
  expect(reports.has(A)).toBe(true);
});

test("a broker that never holds an answer back is asked four times a second, not more", async () => {
  const broker = await fakeBroker();
  await beating(broker.port);
  const begin = performance.now();
  while (performance.now() - begin < 2000) (await broker.next()).answer(200, wanted([]));
  expect(broker.beats.length).toBeGreaterThan(6);
  expect(broker.beats.length).toBeLessThanOrEqual(4 + 2 * 4 + 2);
});

test("the number grows over a restart of the agent", async () => {
  const broker = await fakeBroker();
  const { beats, dir } = await beating(broker.port);
  const before = (await broker.next()).body.seq;
  await beats.stop();
  await beating(broker.port, { dir });
  expect((await broker.next()).body.seq).toBeGreaterThan(before);
});
