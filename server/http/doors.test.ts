import { encode } from "next-auth/jwt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, openWire, SESSION_SECRET, type Wire } from "../testing/wire.ts";
import { address } from "../testing/world.ts";
import { openAnonymousAccount } from "../usecases/account/open-account.ts";
import { createDoors } from "./doors.ts";
import type { WireRequest } from "./message.ts";
import { SESSION_COOKIE } from "./session-cookie.ts";

const ANONYMOUS = address(7);
let wire: Wire;
let strict: Wire;
beforeAll(async () => {
  wire = await openWire({ settings: { anonymousAccount: ANONYMOUS } });
  await openAnonymousAccount(wire.deps);
  strict = await openWire();
});
afterAll(async () => {
  await wire[Symbol.asyncDispose]();
  await strict[Symbol.asyncDispose]();
});

const code = ({ status, json }: Answer) => [status, json?.code];
const nonce = { json: { address: address(1) } };

test("a page of another origin may not write, whatever it holds", async () => {
  const { token } = await strict.login();
  const write = (headers: Record<string, string>) =>
    strict.ask("/api/v1/api-keys", { token, headers, json: { name: "n", scopes: ["read"] } });
  for (const origin of [
    "https://evil.example",
    "null",
    `http://127.0.0.1:${strict.port + 1}`,
    `https://127.0.0.1:${strict.port}`,
  ])
    expect(code(await write({ origin })), origin).toEqual([403, "foreign-origin"]);
  for (const site of ["cross-site", "same-site"])
    expect(code(await write({ "sec-fetch-site": site })), site).toEqual([403, "foreign-origin"]);
  expect((await strict.ask("/api/v1/api-keys", { token })).json.count).toBe(0);
  expect((await write({ origin: `http://127.0.0.1:${strict.port}`, "sec-fetch-site": "same-origin" })).status).toBe(
    201,
  );
});

test("a rebound Host name gets nothing, on any path", async () => {
  for (const host of [
    "evil.example",
    `evil.example:${wire.port}`,
    "127.0.0.1:1",
    "127.0.0.1",
    `127.0.0.1.evil.example:${wire.port}`,
  ])
    for (const path of ["/api/v1/jobs", "/health", "/metrics", "/openapi.json", "/api/v1/nothing"])
      expect(code(await wire.ask(path, { headers: { host } })), `${host} ${path}`).toEqual([421, "wrong-host"]);
  for (const host of [`localhost:${wire.port}`, `[::1]:${wire.port}`, `LOCALHOST:${wire.port}`])
    expect((await wire.ask("/health", { headers: { host } })).status, host).toBe(200);
  const forwarded = { host: "evil.example", "x-forwarded-host": `127.0.0.1:${wire.port}` };
  expect((await wire.ask("/health", { headers: forwarded })).status).toBe(421);
});

test("nobody in particular may read and rent in a demo, from this machine and with nobody in between", async () => {
  expect((await wire.ask("/api/v1/billing")).json).toMatchObject({ account: ANONYMOUS, available: "25.000000" });
  for (const name of ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"])
    expect(code(await wire.ask("/api/v1/billing", { headers: { [name]: "127.0.0.1" } })), name).toEqual([
      401,
      "unauthenticated",
    ]);
  expect(code(await wire.ask("/api/v1/api-keys"))).toEqual([403, "missing-scope"]);
  expect(code(await wire.ask("/api/v1/billing", { token: "wrong" }))).toEqual([401, "unauthenticated"]);
  expect(code(await strict.ask("/api/v1/billing"))).toEqual([401, "unauthenticated"]);
});

test("nobody is anonymous where the socket is not known", async () => {
  const request: WireRequest = {
    method: "GET",
    target: "/api/v1/billing",
    headers: { host: `127.0.0.1:${wire.port}` },
    peer: null,
    body: null,
    signal: new AbortController().signal,
  };
  expect((await wire.dispatcher.dispatch(request)).status).toBe(401);
  expect((await wire.dispatcher.dispatch({ ...request, peer: "127.0.0.1" })).status).toBe(200);
  expect((await wire.dispatcher.dispatch({ ...request, peer: "::ffff:127.0.0.1" })).status).toBe(200);
  expect((await wire.dispatcher.dispatch({ ...request, peer: "10.0.0.9" })).status).toBe(401);
});

test("a stolen cookie gets nothing from the REST side, neither to read nor to write", async () => {
  const { token, account } = await strict.login();
  const cookie = `${SESSION_COOKIE}=${await encode({ token: { sub: account, berthToken: token }, secret: SESSION_SECRET })}`;
  const own = { cookie, "sec-fetch-site": "same-origin", origin: `http://127.0.0.1:${strict.port}` };
  expect(code(await strict.ask("/api/v1/jobs", { headers: { cookie } }))).toEqual([401, "unauthenticated"]);
  expect(code(await strict.ask("/api/v1/jobs", { headers: own }))).toEqual([401, "unauthenticated"]);
  expect(code(await strict.ask("/api/v1/api-keys", { headers: own, json: { name: "n", scopes: ["read"] } }))).toEqual([
    401,
    "unauthenticated",
  ]);
  expect(code(await strict.ask("/api/v1/auth/session", { method: "DELETE", headers: own }))).toEqual([
    401,
    "unauthenticated",
  ]);
  const streamed = { ...own, accept: "text/event-stream" };
  // Not a stream of this broker: the cookie does not count there either.
  expect(code(await strict.ask("/api/v1/jobs", { headers: streamed }))).toEqual([401, "unauthenticated"]);
});

test("forwarded addresses count from a trusted proxy only, and only as far as it can be trusted", () => {
  const doors = createDoors({
    publicUrl: "https://berth.example",
    demo: false,
    trustedProxies: ["10.0.0.0/8", "fd00::/8"],
  });
  const from = (peer: string, forwardedFor: string) =>
    doors.admit({
      method: "GET",
      target: "/",
      headers: { host: "berth.example", "x-forwarded-for": forwardedFor },
      peer,
      body: null,
      signal: new AbortController().signal,
    }).address;
  expect(from("203.0.113.9", "198.51.100.1")).toBe("203.0.113.9");
  expect(from("10.0.0.1", "198.51.100.1")).toBe("198.51.100.1");
  expect(from("::ffff:10.0.0.1", "198.51.100.1, 10.2.3.4")).toBe("198.51.100.1");
  expect(from("10.0.0.1", "1.1.1.1, 198.51.100.1")).toBe("198.51.100.1");
  expect(from("fd00::1", "2001:db8::5")).toBe("2001:db8::5");
  expect(from("10.0.0.1", "198.51.100.1:52144")).toBe("198.51.100.1");
  expect(from("10.0.0.1", "[2001:db8::5]:443, [fd00::9]")).toBe("2001:db8::5");
  expect(from("10.0.0.1", "rubbish")).toBe("10.0.0.1");
});

test("outside a demo the Host is the public one's; probes may name an address", () => {
  const doors = createDoors({ publicUrl: "https://berth.example", demo: false, trustedProxies: ["10.0.0.0/8"] });
  const admit =
    (target: string, headers: Record<string, string>, peer = "203.0.113.9") =>
    () =>
      doors.admit({ method: "GET", target, headers, peer, body: null, signal: new AbortController().signal });
  expect(admit("/", { host: "berth.example" })).not.toThrow();
  expect(admit("/", { host: "10.1.2.3:8080" })).toThrow("wrong-host");
  expect(admit("/ready?x=1", { host: "10.1.2.3:8080" })).not.toThrow();
  expect(admit("/health", { host: "[fd00::1]:8080" })).not.toThrow();
  expect(admit("/health", { host: "evil.example" })).toThrow("wrong-host");
  expect(admit("/", { host: "web.internal", "x-forwarded-host": "berth.example" }, "10.0.0.1")).not.toThrow();
  expect(admit("/", { host: "berth.example", "x-forwarded-host": "evil.example" }, "10.0.0.1")).toThrow("wrong-host");
});

test("public reads are open to every page; nothing else is", async () => {
  const open = await strict.ask("/api/v1/providers/search", { headers: { origin: "https://elsewhere.example" } });
  expect([open.status, open.headers["access-control-allow-origin"]]).toEqual([200, "*"]);
  const { token } = await strict.login();
  const own = await strict.ask("/api/v1/jobs", { token, headers: { origin: "https://elsewhere.example" } });
  expect(own.headers["access-control-allow-origin"]).toBeUndefined();
  const asked = await strict.ask("/api/v1/providers/search", { method: "OPTIONS" });
  expect([asked.status, asked.headers["access-control-allow-origin"], asked.headers.allow]).toEqual([
    204,
    "*",
    "GET, HEAD, OPTIONS",
  ]);
  const shut = await strict.ask("/api/v1/jobs", { method: "OPTIONS" });
  expect([shut.status, shut.headers["access-control-allow-origin"]]).toEqual([204, undefined]);
});

test("who asks too often is told when to come back, per address, per account and for nonces", async () => {
  await using limited = await openWire({
    rates: { perAddress: 12, perAccount: 3, noncesPerAddress: 3, beatsPerProvider: 1 },
  });
  const { token } = await limited.login();
  const reads = await Promise.all([1, 2, 3, 4].map(() => limited.ask("/api/v1/jobs", { token })));
  expect(reads.map(({ status }) => status).sort()).toEqual([200, 200, 200, 429]);
  const nonces = [];
  for (let n = 0; n < 3; n++) nonces.push((await limited.ask("/api/v1/auth/nonce", nonce)).status);
  expect(nonces).toEqual([200, 200, 429]);
  const many = [];
  for (let n = 0; n < 5; n++) many.push(await limited.ask("/health"));
  expect(many.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
  expect(many[4]?.json).toMatchObject({ code: "too-many-requests", retry: true });
  expect(Number(many[4]?.headers["retry-after"])).toBeGreaterThan(0);
});
