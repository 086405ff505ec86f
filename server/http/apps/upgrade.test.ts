// WebSockets to a job's port, and what ends visits that would go on for ever.
import { once } from "node:events";
import { createServer } from "node:http";
import { createConnection } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import WebSocket, { WebSocketServer } from "ws";
import type { JobId } from "../../../domain/ids.ts";
import { fromItself, type Harbour, openHarbour } from "./testing.ts";
import { createVisits } from "./visits.ts";

let harbour: Harbour;
let job: JobId;
let host: string;
let cookie: string;
/** Of the upgrades that the job saw. */
const seen: (string | undefined)[] = [];
beforeAll(async () => {
  harbour = await openHarbour();
  job = await harbour.rent(echo());
  [host, cookie] = [harbour.host(job), await harbour.enter(job)];
});
afterAll(() => harbour[Symbol.asyncDispose]());

/** Says again what it hears; closes when asked to; answers plainly at /plain. */
function echo() {
  const server = createServer((_request, reply) => void reply.end("no socket"));
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });
  server.on("upgrade", (request, socket, head) => {
    seen.push(request.headers.cookie);
    if (request.url === "/plain")
      return void socket.end("HTTP/1.1 403 No\r\nset-cookie: a=1; domain=x\r\ncontent-length: 2\r\n\r\nno");
    if (request.url === "/silent") return void socket.destroy();
    sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on("message", (data, binary) => {
        if (data.toString() === "close") return ws.close(4_007, "as asked");
        ws.send(data, { binary });
      });
    });
  });
  return server;
}

function dial(
  path = "/",
  headers: Record<string, string> = fromItself(host, `${cookie}; mine=1`),
  port = harbour.port,
) {
  return new WebSocket(`ws://127.0.0.1:${port}${path}`, ["first", "second"], { headers: { host, ...headers } });
}

/** The status of an upgrade that was refused. */
async function refused(socket: WebSocket): Promise<number> {
  const [, answer] = await once(socket, "unexpected-response");
  answer.resume();
  socket.on("error", () => {});
  socket.terminate();
  return answer.statusCode;
}

test("a WebSocket passes whole: protocol, text, bytes, large messages, pings, and the code of its end", async () => {
  const socket = dial();
  await once(socket, "open");
  expect(socket.protocol).toBe("first");
  expect(seen.at(-1)).toBe("mine=1"); // ours is none of the job's business
  for (const said of ["hello", Buffer.from([0, 255, 10]), Buffer.alloc(3_000_000, 7)]) {
    socket.send(said);
    const [back, binary] = await once(socket, "message");
    expect([Buffer.from(said).equals(back), binary]).toEqual([true, typeof said !== "string"]);
  }
  socket.ping("there?");
  expect(String((await once(socket, "pong"))[0])).toBe("there?");
  socket.send("close");
  const [code, reason] = await once(socket, "close");
  expect([code, String(reason)]).toEqual([4_007, "as asked"]);
});

test("a WebSocket needs the session and the origin of that very host", async () => {
  const other = await harbour.rent(echo());
  const its = await harbour.enter(other);
  expect(await refused(dial("/", { origin: `http://${host}` }))).toBe(401);
  expect(await refused(dial("/", fromItself(host, its)))).toBe(401);
  for (const origin of [harbour.deps.settings.publicUrl, `http://${harbour.host(other)}`, `https://${host}`, "null"])
    expect(await refused(dial("/", { cookie, origin })), origin).toBe(403);
  expect(await refused(dial("/", { cookie }))).toBe(403); // nobody vouches for it
  expect(await refused(dial("/.berth/open", fromItself(host, cookie)))).toBe(404);
});

test("a job that does not upgrade is heard, and one that hangs up ends it", async () => {
  const plain = dial("/plain");
  const [, answer] = await once(plain, "unexpected-response");
  let text = "";
  for await (const part of answer) text += part;
  expect([answer.statusCode, text, answer.headers["set-cookie"]]).toEqual([403, "no", ["a=1"]]);
  plain.on("error", () => {});
  plain.terminate();
  const silent = dial("/silent");
  silent.on("error", () => {});
  await new Promise((resolve) => silent.on("close", resolve));
  expect((await harbour.ask(host, "/", { headers: { cookie } })).text).toBe("no socket");
});

test("where nothing listens, and to what is no WebSocket, the upgrade is refused in plain HTTP", async () => {
  const quiet = await harbour.rent(null);
  const at = harbour.host(quiet);
  expect(await refused(dial("/", { host: at, ...fromItself(at, await harbour.enter(quiet)) }))).toBe(502);
  const { status } = await harbour.ask(host, "/", { headers: { cookie, connection: "upgrade", upgrade: "h2c" } });
  expect(status).toBe(400);
});

test("no upgrade at the console's host reaches a job", async () => {
  const console = new URL(harbour.deps.settings.publicUrl).host;
  expect(await refused(dial("/", { host: console, cookie, origin: `http://${console}` }))).toBe(400);
});

test("when the job goes its WebSockets end, and when the browser goes the job is told", async () => {
  const told = createServer();
  const ended = new Promise<void>((resolve) => {
    told.on("upgrade", (request, socket, head) => {
      new WebSocketServer({ noServer: true }).handleUpgrade(
        request,
        socket,
        head,
        (ws) => void ws.on("close", resolve),
      );
    });
  });
  const at = await harbour.rent(told);
  const own = fromItself(harbour.host(at), await harbour.enter(at));
  const first = dial("/", { host: harbour.host(at), ...own });
  await once(first, "open");
  first.terminate();
  await ended;
  const dying = echo();
  const mortal = await harbour.rent(dying);
  const second = dial("/", {
    host: harbour.host(mortal),
    ...fromItself(harbour.host(mortal), await harbour.enter(mortal)),
  });
  const cut: (() => void)[] = [];
  dying.on("upgrade", (_request, socket) => void cut.push(() => socket.destroy()));
  await once(second, "open");
  second.on("error", () => {});
  for (const each of cut) each();
  expect((await once(second, "close"))[0]).toBe(1006);
});

test("a stop of the web ends WebSockets and event streams", async () => {
  await using other = await openHarbour();
  const at = await other.rent(echo());
  const stream = await other.rent((_request, reply) => {
    reply.writeHead(200, { "content-type": "text/event-stream" });
    reply.write("data: 1\n\n");
  });
  const socket = dial("/", { host: other.host(at), ...fromItself(other.host(at), await other.enter(at)) }, other.port);
  await once(socket, "open");
  socket.on("error", () => {});
  const raw = createConnection({ port: other.port, host: "127.0.0.1" });
  raw.write(`GET / HTTP/1.1\r\nhost: ${other.host(stream)}\r\ncookie: ${await other.enter(stream)}\r\n\r\n`);
  await once(raw, "data");
  await Promise.all([once(socket, "close"), once(raw, "close"), other.web.stop()]);
});

test("visits end that are dead, or whose right is gone; those that move stay, and so does everybody while nobody knows", async () => {
  const server = createServer().listen(0);
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  let may: (session: string) => Promise<boolean> = async () => true;
  const visits = createVisits((_job, session) => may(session), { mostOfAJob: 3, idleMs: 0 });
  const visit = async (session: string) => {
    const socket = createConnection(port);
    await once(socket, "connect");
    return { socket, end: visits.begin(job, session, socket, null) };
  };
  const [idle, moving, other] = [await visit("a"), await visit("a"), await visit("b")];
  expect((await visit("c")).end).toBeNull();
  for (const { socket } of [moving, other]) await new Promise((resolve) => socket.write("x", resolve));
  await visits.sweep();
  expect([idle, moving, other].map(({ socket }) => socket.destroyed)).toEqual([true, false, false]);
  for (const { socket } of [moving, other]) await new Promise((resolve) => socket.write("x", resolve));
  may = async () => Promise.reject(new Error("the database is away"));
  await visits.sweep();
  expect([moving, other].map(({ socket }) => socket.destroyed)).toEqual([false, false]);
  for (const { socket } of [moving, other]) await new Promise((resolve) => socket.write("x", resolve));
  may = async (session) => session === "b";
  await visits.sweep();
  expect([moving, other].map(({ socket }) => socket.destroyed)).toEqual([true, false]);
  idle.end?.();
  expect((await visit("c")).end).not.toBeNull();
  other.socket.destroy();
  visits.stop();
  server.closeAllConnections();
  server.close();
});
