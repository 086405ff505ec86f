// What passes between a browser and a job's port: bytes and headers as they are, ours taken out, broken ones refused.
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { createConnection, createServer as createTcpServer } from "node:net";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { JobId } from "../../../domain/ids.ts";
import { fromItself, type Harbour, openHarbour } from "./testing.ts";

let harbour: Harbour;
/** A job that tells what it heard, and its host and session. */
let host: string;
let cookie: string;
const heard: string[] = [];
beforeAll(async () => {
  harbour = await openHarbour();
  const job = await harbour.rent(async (request, reply) => {
    heard.push(`${request.method} ${request.url}`);
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts).toString("latin1");
    reply.setHeader("content-type", "application/json");
    reply.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
  });
  [host, cookie] = [harbour.host(job), await harbour.enter(job)];
});
afterAll(() => harbour[Symbol.asyncDispose]());

async function rented(listener: Parameters<Harbour["rent"]>[0]) {
  const job: JobId = await harbour.rent(listener);
  const at = harbour.host(job);
  const own = await harbour.enter(job);
  const ask = (path: string, asked: Parameters<Harbour["ask"]>[2] = {}) =>
    harbour.ask(at, path, { ...asked, headers: { ...fromItself(at, own), ...asked.headers } });
  return { job, at, own, ask };
}

/** Speaks bytes, as a smuggler does. @returns all that came until the end */
async function speak(bytes: string): Promise<string> {
  const socket = createConnection({ port: harbour.port, host: "127.0.0.1" });
  socket.setTimeout(20_000, () => socket.destroy(new Error(`unanswered: ${bytes}`)));
  socket.write(bytes);
  let said = "";
  for await (const part of socket.setEncoding("latin1")) said += part;
  return said;
}

test("a job hears the request as it was sent, and who sent it", async () => {
  const answer = await harbour.ask(host, "/a//b/../c?x=%20&y=", {
    method: "PUT",
    body: "body \u00ff",
    headers: {
      ...{ ...fromItself(host, ""), cookie: `a=1; ${cookie}; __Host-berth_port=x; b="2; 3"`, "x-own": "kept" },
      ...{ connection: "keep-alive, X-Hop", "x-hop": "gone", te: "trailers", "keep-alive": "timeout=5" },
      ...{ "x-forwarded-for": "10.0.0.1", "x-forwarded-host": "evil.example", forwarded: "for=10.0.0.1" },
      ...{ "x-forwarded-proto": "https", "x-real-ip": "10.0.0.1", via: "1.1 evil", "proxy-authorization": "Basic x" },
    },
  });
  const { method, url, headers, body } = JSON.parse(answer.text);
  expect([method, url, Buffer.from(body, "latin1").toString()]).toEqual(["PUT", "/a//b/../c?x=%20&y=", "body \u00ff"]);
  expect(headers).toEqual({
    ...{ host, origin: `http://${host}`, "sec-fetch-site": "same-origin", cookie: 'a=1; b="2; 3"', "x-own": "kept" },
    ...{ "x-forwarded-for": "127.0.0.1", "x-forwarded-host": host, "x-forwarded-proto": "http" },
    ...{ "content-length": "7", connection: "close" },
  });
});

test("behind a proxy that may speak for others, the visitor's address is theirs", async () => {
  await using behind = await openHarbour({}, ["127.0.0.1"]);
  const job = await behind.rent((request, reply) => void reply.end(JSON.stringify(request.headers)));
  const at = behind.host(job);
  const headers = { "x-forwarded-for": "203.0.113.9, 198.51.100.7", "x-forwarded-host": at, host: "inner:80" };
  const link = await behind.ask("inner:80", await behind.link(job), { headers });
  const own = link.headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
  const { text } = await behind.ask("inner:80", "/", { headers: { ...headers, cookie: own } });
  expect(JSON.parse(text)).toMatchObject({ host: at, "x-forwarded-for": "198.51.100.7", "x-forwarded-host": at });
});

test("a job may not speak for its siblings, for the console, or for the transport", async () => {
  const { ask } = await rented((_request, reply) => {
    reply.writeHead(200, "Fine", [
      ...["Set-Cookie", "a=1; Domain=localhost; Path=/", "Set-Cookie", "b=2; path=/; DOMAIN = .localhost ;Secure"],
      ...["Set-Cookie", "c=domain; HttpOnly", "Set-Cookie", "berth_port=mine", "Set-Cookie", "__Host-berth_port=mine"],
      ...["Strict-Transport-Security", "max-age=1; includeSubDomains", "Clear-Site-Data", '"*"', "Alt-Svc", "h3=:1"],
      ...[
        "Connection",
        "X-Hop",
        "X-Hop",
        "1",
        "Keep-Alive",
        "timeout=1",
        "Service-Worker-Allowed",
        "/",
        "X-Own",
        "kept",
      ],
    ]);
    reply.end("ok");
  });
  const { headers } = await ask("/");
  expect(headers["set-cookie"]).toEqual(["a=1; Path=/", "b=2; path=/;Secure", "c=domain; HttpOnly"]);
  for (const name of ["strict-transport-security", "clear-site-data", "alt-svc", "x-hop"])
    expect(headers[name], name).toBeUndefined();
  expect(headers).toMatchObject({ "service-worker-allowed": "/", "x-own": "kept" });
  expect(headers["keep-alive"]).not.toBe("timeout=1");
});

test("answers pass as they are: HEAD, chunks, compressed bytes, no content, redirects, statuses", async () => {
  const packed = gzipSync("compressed");
  const { ask } = await rented((request, reply) => {
    if (request.url === "/gzip") return void reply.writeHead(200, { "content-encoding": "gzip" }).end(packed);
    if (request.url === "/none") return void reply.writeHead(204).end();
    if (request.url === "/same") return void reply.writeHead(304, { etag: '"1"' }).end();
    if (request.url === "/moved") return void reply.writeHead(307, { location: "/else?a=b" }).end();
    if (request.url === "/teapot") return void reply.writeHead(418, "Short And Stout").end("no coffee");
    reply.setHeader("content-length", 5);
    reply.end("hello");
  });
  const head = await ask("/", { method: "HEAD" });
  expect([head.status, head.headers["content-length"], head.text]).toEqual([200, "5", ""]);
  const compressed = await ask("/gzip");
  expect(compressed.headers["content-encoding"]).toBe("gzip");
  expect(gunzipSync(compressed.bytes).toString()).toBe("compressed");
  expect((await ask("/none")).status).toBe(204);
  const same = await ask("/same");
  expect([same.status, same.headers.etag]).toEqual([304, '"1"']);
  const moved = await ask("/moved", { body: "x" });
  expect([moved.status, moved.headers.location]).toEqual([307, "/else?a=b"]);
  expect((await ask("/teapot")).status).toBe(418);
});

test("a body streams in both directions at once, and nobody waits for its end", async () => {
  const { at, own } = await rented((request, reply) => void request.pipe(reply));
  const request = httpRequest({
    ...{ port: harbour.port, path: "/", method: "POST", agent: false },
    headers: { host: at, ...fromItself(at, own), "transfer-encoding": "chunked" },
  });
  request.write("one");
  const [answer]: [IncomingMessage] = (await once(request, "response")) as [IncomingMessage];
  answer.setEncoding("utf8");
  for (const word of ["one", "two", "three"]) {
    const [said] = word === "one" ? await once(answer, "data") : [await say(word)];
    expect(said).toBe(word);
  }
  async function say(word: string) {
    request.write(word);
    return (await once(answer, "data"))[0];
  }
  request.end();
  await once(answer, "end");
});

test("who reads slowly slows the job down: what waits in between is bounded", async () => {
  let sent = 0;
  const part = Buffer.alloc(64 * 1024);
  const { at, own } = await rented((_request, reply) => {
    const pour = () => {
      do sent += part.length;
      while (reply.write(part) && sent < 256 * 1024 * 1024);
    };
    reply.on("drain", pour).on("close", () => reply.off("drain", pour));
    pour();
  });
  const socket = createConnection({ port: harbour.port, host: "127.0.0.1" });
  socket.pause();
  socket.write(`GET / HTTP/1.1\r\nhost: ${at}\r\ncookie: ${own}\r\n\r\n`);
  let before = -1;
  while (before !== sent || sent === 0) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  expect(sent).toBeLessThan(64 * 1024 * 1024);
  socket.destroy();
});

test("an upload has no limit of ours, and one that breaks off breaks off for the job too", async () => {
  const lengths: number[] = [];
  const { at, own, ask } = await rented(async (request, reply) => {
    let length = 0;
    request.on("data", (part: Buffer) => {
      length += part.length;
    });
    request.on("close", () => lengths.push(request.complete ? length : -1));
    request.on("end", () => reply.end(String(length)));
    request.on("error", () => {});
  });
  const size = 24 * 1024 * 1024;
  expect((await ask("/", { body: Buffer.alloc(size) })).text).toBe(String(size));
  const socket = createConnection({ port: harbour.port, host: "127.0.0.1" });
  socket.write(
    `POST / HTTP/1.1\r\nhost: ${at}\r\ncookie: ${own}\r\norigin: http://${at}\r\ncontent-length: 1000\r\n\r\nabc`,
  );
  const until = Date.now() + 20_000;
  await new Promise((resolve) => setTimeout(resolve, 200));
  socket.destroy();
  while (!lengths.includes(-1) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(lengths).toEqual([size, -1]);
});

test("a client that waits to be told to continue is told", async () => {
  const request = httpRequest({
    ...{ port: harbour.port, path: "/", method: "POST", agent: false },
    headers: { host, ...fromItself(host, cookie), expect: "100-continue", "content-length": 4 },
  });
  request.flushHeaders();
  await once(request, "continue");
  request.end("body");
  const [answer] = await once(request, "response");
  let text = "";
  for await (const part of answer) text += part;
  expect(JSON.parse(text)).toMatchObject({ body: "body", headers: { "content-length": "4" } });
  expect(JSON.parse(text).headers.expect).toBeUndefined();
});

test("what could be read in two ways is refused, and a job never hears of a second request in it", async () => {
  const start = (...headers: string[]) =>
    `POST /first HTTP/1.1\r\nhost: ${host}\r\ncookie: ${cookie}\r\norigin: http://${host}\r\n${headers.join("\r\n")}\r\n\r\n`;
  const second = `GET /smuggled HTTP/1.1\r\nhost: ${host}\r\ncookie: ${cookie}\r\n\r\n`;
  const before = heard.length;
  for (const bytes of [
    start("content-length: 5", "content-length: 6") + second,
    `${start("content-length: 4", "transfer-encoding: chunked")}0\r\n\r\n${second}`,
    `${start("transfer-encoding: chunked", "transfer-encoding: identity")}0\r\n\r\n${second}`,
    start("transfer-encoding: xchunked") + second,
    start("content-length: +5") + second,
    `${start("transfer-encoding : chunked")}0\r\n\r\n${second}`,
    start("x: 1\n content-length: 5") + second,
    `GET / HTTP/1.1\r\nhost: ${host}\r\nhost: other\r\ncookie: ${cookie}\r\nx y: 1\r\n\r\n`,
  ])
    expect(await speak(bytes), bytes).toMatch(/^HTTP\/1\.1 400 /);
  expect(heard.slice(before).filter((line) => line.includes("smuggled"))).toEqual([]);
  for (const target of [`http://${host}/x`, "http://evil.example/.berth/open", "*"]) {
    const said = await speak(
      `OPTIONS ${target} HTTP/1.1\r\nhost: ${host}\r\ncookie: ${cookie}\r\nconnection: close\r\n\r\n`,
    );
    expect(said, target).toMatch(/^HTTP\/1\.1 400 /);
  }
  // A GET with a body is two things to some: to the job it is one request with that body.
  const inside = `GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n`;
  const chunked = `GET /whole HTTP/1.1\r\nhost: ${host}\r\ncookie: ${cookie}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n`;
  const body = `${inside.length.toString(16)}\r\n${inside}\r\n0\r\n\r\n`;
  const said = await speak(chunked + body);
  expect(said).toContain('"method":"GET","url":"/whole"');
  expect(said).toContain("/smuggled"); // as its body
  expect(heard.filter((line) => line.includes("smuggled"))).toEqual([]);
});

test("headers beyond all bounds are refused, of a visitor and of a job", async () => {
  const long = "x".repeat(40_000);
  expect(await speak(`GET / HTTP/1.1\r\nhost: ${host}\r\nx: ${long}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 (400|431) /);
  const { ask } = await rented((_request, reply) => void reply.writeHead(200, { x: long }).end());
  expect((await ask("/")).status).toBe(502);
});

test("a job that speaks no HTTP, hangs up at once or half-way through is a bad answer, and breaks nothing", async () => {
  const says = (bytes: string | null) =>
    createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => (bytes === null ? socket.destroy() : socket.end(bytes)));
    });
  // node's own types know no plain TCP server here; the harness needs listen and address only
  const door = createTcpDoor(says);
  for (const bytes of [
    null,
    "SSH-2.0-OpenSSH\r\n",
    "HTTP/1.1 999999 x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
  ]) {
    const { ask } = await rented(await door(bytes));
    expect((await ask("/", { headers: { accept: "text/html" } })).status, String(bytes)).toBe(502);
  }
  const { ask } = await rented(await door("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"));
  await expect(ask("/")).rejects.toThrow(/aborted|socket hang up|reset/i);
  expect((await harbour.ask(host, "/", { headers: { cookie } })).status).toBe(200);
});

/** An HTTP server of the harness that passes its connections on to another that speaks bytes. */
function createTcpDoor(says: (bytes: string | null) => ReturnType<typeof createTcpServer>) {
  return async (bytes: string | null) => {
    const server = createServer();
    const raw = says(bytes);
    server.removeAllListeners("connection");
    server.on("connection", (socket) => raw.emit("connection", socket));
    return server;
  };
}

test("sixty-four visits of a job go on at a time, and the next is told so", async () => {
  const waiting: (() => void)[] = [];
  const { at, ask } = await rented((_request, reply) => void waiting.push(() => reply.end("done")));
  const many = Array.from({ length: 64 }, () => ask("/"));
  while (waiting.length < 64) await new Promise((resolve) => setTimeout(resolve, 20));
  const refused = await ask("/");
  expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "3"]);
  expect((await harbour.ask(host, "/", { headers: { cookie } })).status, at).toBe(200); // another job's are counted apart
  for (const finish of waiting) finish();
  for (const { text } of await Promise.all(many)) expect(text).toBe("done");
  const [last] = [ask("/")];
  while (waiting.length < 65) await new Promise((resolve) => setTimeout(resolve, 20));
  waiting[64]?.();
  expect((await last).text).toBe("done");
});

test("a connection is used again by the browser, and never for another job", async () => {
  const { at, own } = await rented((_request, reply) => void reply.end("the other job"));
  const get = (to: string, session: string, more = "") =>
    `GET /kept HTTP/1.1\r\nhost: ${to}\r\ncookie: ${session}\r\n${more}\r\n`;
  const said = await speak(
    get(host, cookie) + get(at, own) + get(at, cookie) + get(host, own, "connection: close\r\n"),
  );
  expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 401", "HTTP/1.1 401"]);
  expect(said.match(/the other job/g)?.length).toBe(1);
});
