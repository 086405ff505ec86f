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
import { type MachineWatch, watchMachine } from "./machine-watch.ts";
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
  /** Sends the parts, and then breaks off. */
  stream(status: number, headers: Record<string, string>, parts: readonly string[]): void;
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
      const stream: Beat["stream"] = (status, headers, parts) => {
        response.writeHead(status, headers);
        for (const part of parts) response.write(part);
        response.write("", () => response.destroy());
      };
      beats.push({ path: request.url ?? "", raw, headers: request.headers, body, cut, answer, stream });
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
    ...change,
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
    log: async () => null,
    result: async () => null,
    onNews: (listener) => {
      news = listener;
    },
    onResult: () => {},
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
  expect(performance.now() - begin).toBeLessThan(10_000); // of 25 seconds
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

test("a broker that never holds an answer back is asked ten times a second, not more", async () => {
  const broker = await fakeBroker();
  await beating(broker.port);
  const begin = performance.now();
  while (performance.now() - begin < 2000) (await broker.next()).answer(200, wanted([]));
  expect(broker.beats.length).toBeGreaterThan(6);
  expect(broker.beats.length).toBeLessThanOrEqual(10 + 2 * 10 + 2);
});

test("the number grows over a restart of the agent", async () => {
  const broker = await fakeBroker();
  const { beats, dir } = await beating(broker.port);
  const before = (await broker.next()).body.seq;
  await beats.stop();
  await beating(broker.port, { dir });
  expect((await broker.next()).body.seq).toBeGreaterThan(before);
});

const problem = (status: number, code: string) => JSON.stringify({ status, code, detail: "because" });

test("a broker that takes the connection and never answers costs its patience, and is asked again", async () => {
  const broker = await fakeBroker();
  const { reports, set } = await beating(broker.port, { waitSeconds: 0, marginMs: 300 });
  set({ id: A, state: "ready", port: 30_001, user: "root" });
  await (await broker.next()).cut;
  const second = await broker.next();
  await second.cut;
  (await broker.next()).answer(200, wanted([A]));
  expect((await broker.next()).body.executions.map(({ id }) => id)).toEqual([A]);
  expect([...reports.keys()]).toEqual([A]);
});

test("a broker that asks for time is given it, whatever news there is", async () => {
  const broker = await fakeBroker();
  await beating(broker.port);
  const begin = performance.now();
  (await broker.next()).answer(503, "{}", { "retry-after": "1" });
  (await broker.next()).answer(200, wanted([A]));
  expect(performance.now() - begin).toBeGreaterThan(950);
  expect((await broker.next()).body.executions).toHaveLength(1);
});

test("a broker that asks for an age is asked again within a minute's reach, and words for a time are no number", async () => {
  const broker = await fakeBroker();
  const { lines } = await beating(broker.port);
  (await broker.next()).answer(503, "{}", { "retry-after": "Wed, 21 Oct 2099 07:28:00 GMT" });
  (await broker.next()).answer(503, "{}", { "retry-after": "31536000" });
  await until(() => lines.filter(({ message }) => message.startsWith("no beat")).length === 2, 8000);
  expect(lines.at(-1)?.fields).toMatchObject({ delayMs: 60_000 });
});

test("a body without end, one cut off in the middle and one of another kind change nothing here", async () => {
  const broker = await fakeBroker();
  const { reports } = await beating(broker.port);
  (await broker.next()).answer(200, wanted([A]));
  const megabyte = " ".repeat(1 << 20);
  (await broker.next()).stream(200, {}, Array<string>(9).fill(megabyte));
  (await broker.next()).stream(200, { "content-length": "5000" }, [wanted([]).slice(0, 40)]);
  (await broker.next()).answer(200, "<html><body>Welcome to your hotel's wifi</body></html>", {
    "content-type": "text/html",
  });
  (await broker.next()).answer(502, "<html>Bad gateway</html>");
  (await broker.next()).answer(307, "", { location: `http://127.0.0.1:${broker.port}/elsewhere` });
  const last = await broker.next();
  expect(last.body.executions.map(({ id }) => id)).toEqual([A]);
  expect(broker.beats.every(({ path }) => path.endsWith("/heartbeat?wait=25"))).toBe(true);
  expect([...reports.keys()]).toEqual([A]);
});

test("a desired set of nonsense is refused whole: nothing is stopped and nothing is started", async () => {
  const broker = await fakeBroker();
  const { reports } = await beating(broker.port);
  (await broker.next()).answer(200, wanted([A]));
  const [execution] = JSON.parse(wanted([B])).executions;
  const nonsense: object[] = [
    { executions: null },
    { executions: [{ ...execution, deadline: "soon" }] },
    { executions: [{ ...execution, id: "../../etc" }] },
    { executions: [{ ...execution, gpu_uuids: "all" }] },
    { executions: [execution, 7] },
    { generation: -1, executions: [] },
    { now: "yesterday", executions: [] },
    { status: "splendid", executions: [] },
  ];
  for (const change of nonsense) (await broker.next()).answer(200, wanted([], 2, change));
  const last = await broker.next();
  expect(last.body).toMatchObject({ generation: 1, executions: [{ id: A }] });
  expect([...reports.keys()]).toEqual([A]);
});

test("what a later broker says beside what this agent knows is passed over", async () => {
  const broker = await fakeBroker();
  const { reports } = await beating(broker.port);
  (await broker.next()).answer(200, wanted([A], 3, { weather: "fine" }));
  expect((await broker.next()).body.generation).toBe(3);
  expect([...reports.keys()]).toEqual([A]);
});

test("a broker whose time is years off ends nothing: the other clock is asked", async () => {
  const broker = await fakeBroker();
  const { spans } = await beating(broker.port);
  const hour = 3_600_000;
  const deadline = new Date(Date.now() + 2 * hour).toISOString();
  const [execution] = JSON.parse(wanted([A])).executions;
  const executions = [{ ...execution, deadline }];
  for (const now of ["2019-01-01T00:00:00.000Z", "2140-01-01T00:00:00.000Z", new Date().toISOString()]) {
    spans.clear();
    (await broker.next()).answer(200, wanted([], 1, { now, executions }));
    await until(() => spans.has(A), 8000);
    expect(spans.get(A), now).toBeGreaterThan(1.9 * hour);
    expect(spans.get(A), now).toBeLessThan(2.1 * hour);
  }
});

test("numbers that the broker calls stale are left behind, with one warning", async () => {
  const broker = await fakeBroker();
  const { lines } = await beating(broker.port);
  const first = await broker.next();
  first.answer(409, problem(409, "stale-sequence"), { "content-type": "application/problem+json" });
  const second = await broker.next();
  second.answer(409, problem(409, "stale-sequence"));
  const third = await broker.next();
  expect(third.body.seq).toBeGreaterThan(second.body.seq + 900_000);
  third.answer(409, problem(409, "stale-sequence"));
  const fourth = await broker.next();
  expect(fourth.body.seq).toBeGreaterThan(third.body.seq + 900_000_000);
  fourth.answer(200, wanted([]));
  (await broker.next()).answer(200, wanted([]));
  expect(lines.filter(({ message }) => message.includes("higher number"))).toHaveLength(1);
});

test("the broker's status and notices are logged when they change, not with every beat", async () => {
  const broker = await fakeBroker();
  const { lines, answers } = await beating(broker.port);
  const twice = { status: "pending", notices: ["Two agents speak with this machine's key."] };
  for (let i = 0; i < 3; i++) (await broker.next()).answer(200, wanted([], 1, twice));
  (await broker.next()).answer(200, wanted([], 1));
  await until(() => answers.length === 4, 8000);
  const said = lines.filter(({ message }) => message.includes("status") || message.includes("notice"));
  expect(said.map(({ fields }) => fields)).toEqual([
    { from: undefined, status: "pending" },
    { notice: twice.notices[0] },
    { from: "pending", status: "available" },
  ]);
});

test("a GPU that is lost cuts the wait, and at once a beat tells of the machine without it", async () => {
  const broker = await fakeBroker();
  const gpu = { index: 0, model: "NVIDIA L4", uuid: "GPU-5a1c2f0e-7a4b", vram_mb: 23_034, declared: false };
  let gpus = [gpu, { ...gpu, index: 1, uuid: "GPU-0b8a1e52-44f7" }];
  const quiet = { info() {}, warn() {}, error() {} };
  const machine = await watchMachine(async () => ({ ...MACHINE, gpus }), quiet, 60_000);
  ends.push(() => machine.close());
  const { reports, set } = await beating(broker.port, { machine });
  set({ id: A, state: "ready", port: 30_001, user: "root" });
  let waiting = await broker.next();
  if (waiting.body.executions.length === 0) waiting = await broker.next();
  gpus = [gpu];
  await machine.look();
  await waiting.cut;
  const told = await broker.next();
  expect(told.body.machine.gpus.map(({ uuid }) => uuid)).toEqual([gpu.uuid]);
  expect(told.body.executions).toMatchObject([{ id: A, state: "ready" }]);
  expect(reports.has(A)).toBe(true);
});

test("an execution that could not start makes the machine be looked at", async () => {
  const broker = await fakeBroker();
  let looks = 0;
  const machine = { current: () => MACHINE, look: async () => void looks++, onChange: () => {}, close: () => {} };
  const { set } = await beating(broker.port, { machine });
  await broker.next();
  const end = { exit_code: null, detail: "no GPU", ended_at: "2026-01-01T00:00:00.000Z" };
  set({ id: A, state: "ended", cause: "exited", ...end });
  expect(looks).toBe(0);
  set({ id: B, state: "ended", cause: "start-failed", ...end });
  set({ id: B, state: "ended", cause: "start-failed", ...end });
  expect(looks).toBe(1);
});
