import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OPERATION_NAMES, operations, pathOf } from "../../protocol/operations.ts";
import { openWire, type Wire } from "../testing/wire.ts";
import { findRoute } from "./router.ts";

let wire: Wire;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(() => wire[Symbol.asyncDispose]());

test("every operation is found at its path, and a static path is no parameter", () => {
  for (const name of OPERATION_NAMES) {
    const path = pathOf(name).replaceAll(/:\w+/g, "some-id");
    expect(findRoute(path)?.methods.get(operations[name].method), name).toBe(name);
  }
  expect(findRoute("/api/v1/providers/search")?.params).toEqual({});
  expect(findRoute("/api/v1/jobs/")).toBeNull();
});

test("unknown paths, methods and hosts are problems, with a request id that is the caller's where it is sane", async () => {
  const lost = await wire.ask("/api/v1/nothing", { headers: { "x-request-id": "abc-1.2_3" } });
  expect([lost.status, lost.headers["content-type"], lost.headers["x-request-id"]]).toEqual([
    404,
    "application/problem+json",
    "abc-1.2_3",
  ]);
  expect(lost.json).toEqual({
    type: "urn:berth:problem:not-found",
    title: "Not found",
    status: 404,
    detail: lost.json.detail,
    error: lost.json.detail,
    code: "not-found",
    request_id: "abc-1.2_3",
    retry: false,
  });
  const odd = await wire.ask("/api/v1/nothing", { headers: { "x-request-id": "<script>" } });
  expect(odd.json.request_id).toMatch(/^[0-9a-f-]{36}$/);
  const wrong = await wire.ask("/api/v1/jobs/estimate", { method: "PUT", json: {} });
  expect([wrong.status, wrong.headers.allow]).toEqual([405, "POST, OPTIONS"]);
  expect((await wire.ask("/openapi.json", { method: "POST", json: {} })).status).toBe(405);
});

test("HEAD says what GET would, without the body", async () => {
  const [head, get] = [await wire.ask("/api/v1/providers", { method: "HEAD" }), await wire.ask("/api/v1/providers")];
  expect([head.status, head.text, head.headers["content-length"]]).toEqual([200, "", String(get.text.length)]);
});

test("health, readiness and the contract are served at the root", async () => {
  expect((await wire.ask("/health")).json).toMatchObject({ status: "ok", version: "test", activeDeployments: 0 });
  const ready = { status: "degraded", database: "ok", worker: "away", queue: "ok", cluster: "none" };
  expect((await wire.ask("/ready")).json).toEqual(ready);
  expect((await wire.ask("/openapi.json")).json.openapi).toBe("3.1.0");
});

test("bodies are JSON in UTF-8, not compressed, without the keys that poison prototypes", async () => {
  const send = (raw: string | Buffer, headers: Record<string, string> = { "content-type": "application/json" }) =>
    wire.ask("/api/v1/auth/nonce", { raw, headers });
  const good = JSON.stringify({ address: `0x${"1".repeat(40)}` });
  expect((await send(good)).status).toBe(200);
  expect((await send(good, { "content-type": "application/json; charset=UTF-8" })).status).toBe(200);
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonp",
    "application/json; charset=utf-16",
  ])
    expect((await send(good, { "content-type": type })).status, type).toBe(415);
  expect((await send(good, {})).status).toBe(415);
  expect((await send(good, { "content-type": "application/json", "content-encoding": "gzip" })).status).toBe(415);
  for (const raw of [
    "{",
    "null",
    "[]",
    '"x"',
    `{"__proto__":{"x":1},${good.slice(1)}`,
    `{"constructor":{"prototype":{}},${good.slice(1)}`,
  ])
    expect((await send(raw)).json.code, raw).toBe("bad-request");
  expect((await send(Buffer.from([0x7b, 0xff, 0x7d]))).json.code).toBe("bad-request");
});

test("queries are strict: given twice, unknown and badly encoded names are refused", async () => {
  for (const query of [
    "limit=1&limit=2",
    "nothing=1",
    "limit=%zz",
    "%=1",
    "limit=1e3",
    "limit=",
    "limit=0",
    "__proto__=1",
    `gpu=${"x".repeat(9000)}`,
  ]) {
    const refused = await wire.ask(`/api/v1/providers/search?${query}`);
    expect([refused.status, refused.json?.code], query).toEqual([400, "bad-request"]);
  }
  expect((await wire.ask("/api/v1/providers/search?gpu=RTX+4090%20x")).status).toBe(200);
  expect((await wire.ask("/api/v1/providers/%E0%A4%A")).status).toBe(400);
});

test("an idempotency key is visible ASCII, and only counts where it is honoured", async () => {
  const { token } = await wire.login();
  const json = { name: "n", public_key: "x" };
  const odd = await wire.ask("/api/v1/ssh-keys", { token, json, headers: { "idempotency-key": "with space" } });
  expect(odd.json.fields).toEqual([{ field: "Idempotency-Key", message: expect.any(String) }]);
  const long = await wire.ask("/api/v1/ssh-keys", { token, json, headers: { "idempotency-key": "k".repeat(201) } });
  expect(long.status).toBe(400);
  const ignored = await wire.ask("/api/v1/api-keys", {
    token,
    json: { name: "n", scopes: ["read"] },
    headers: { "idempotency-key": "with space" },
  });
  expect(ignored.status).toBe(201);
});

test("a body that says it is too large is refused before it is read, and one that does not as soon as it is", async () => {
  const said = await raw(
    [
      "POST /api/v1/auth/nonce HTTP/1.1",
      `Host: 127.0.0.1:${wire.port}`,
      "Content-Type: application/json",
      "Content-Length: 99999999",
    ],
    0,
  );
  expect(said).toMatch(/^HTTP\/1\.1 413 /);
  const streamed = await raw(
    [
      "POST /api/v1/auth/nonce HTTP/1.1",
      `Host: 127.0.0.1:${wire.port}`,
      "Content-Type: application/json",
      "Transfer-Encoding: chunked",
    ],
    64,
  );
  expect(streamed).toMatch(/^HTTP\/1\.1 413 /);
  expect(streamed).toContain('"code":"too-large"');
});

test("what is no HTTP is refused in the same words", async () => {
  expect(await raw(["RUBBISH"], 0)).toMatch(/^HTTP\/1\.1 400 [\s\S]*application\/problem\+json/);
  expect(await raw(["GET / HTTP/1.1", `X-Long: ${"x".repeat(20_000)}`], 0)).toMatch(
    /^HTTP\/1\.1 400 [\s\S]*bad-request/,
  );
});

test("what fails inside shows its request id and nothing else", async () => {
  await using broken = await openWire({ settings: { publicUrl: "http://127.0.0.1:1" } });
  const { dispatcher } = broken;
  const failing = await dispatcher.dispatch({
    method: "GET",
    target: "/api/v1/jobs",
    headers: {
      host: "127.0.0.1:1",
      get authorization(): string {
        throw new Error("postgres://secret@db");
      },
    },
    peer: "127.0.0.1",
    body: null,
    signal: new AbortController().signal,
  });
  expect(failing.status).toBe(500);
  expect(failing.body).not.toContain("secret");
  expect(JSON.parse(String(failing.body))).toMatchObject({ code: "internal", request_id: expect.any(String) });
});

/** Speaks HTTP by hand: sends the head, then chunks of 64 KiB until it is answered. */
async function raw(head: string[], chunks: number): Promise<string> {
  const socket = connect(wire.port, "127.0.0.1");
  socket.on("error", () => {});
  let answer = "";
  socket.setEncoding("utf8").on("data", (text) => {
    answer += text;
  });
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  const part = "x".repeat(65_536);
  for (let n = 0; n < chunks && !answer; n++) {
    socket.write(`10000\r\n${part}\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  if (!answer.includes("\r\n\r\n"))
    await Promise.race([once(socket, "data"), new Promise((resolve) => setTimeout(resolve, 20_000))]);
  socket.destroy();
  return answer;
}
