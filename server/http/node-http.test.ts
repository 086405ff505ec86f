import { once } from "node:events";
import { request as httpRequest, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWire, type Wire } from "../testing/wire.ts";
import type { Dispatcher, PageVisit } from "./dispatch.ts";
import type { WireRequest, WireResponse } from "./message.ts";
import { createWebServer, type PageHandler, type WebServer } from "./node-http.ts";

interface Heard {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

async function listening(web: WebServer): Promise<number> {
  web.server.listen(0, "127.0.0.1");
  await once(web.server, "listening");
  return (web.server.address() as AddressInfo).port;
}

async function ask(port: number, path: string, headers: Record<string, string> = {}, body?: string): Promise<Heard> {
  const request = httpRequest({
    port,
    host: "127.0.0.1",
    path,
    method: body === undefined ? "GET" : "POST",
    headers,
    agent: false,
  });
  request.end(body);
  const [response]: [IncomingMessage] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  for await (const part of response.setEncoding("utf8")) text += part;
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** A page that shows what it was told. */
const mirror: PageHandler = async (request, reply) => {
  reply.end(JSON.stringify(request.headers));
};

let wire: Wire;
let server: Server;
let host: string;
beforeAll(async () => {
  wire = await openWire();
  host = `127.0.0.1:${wire.port}`; // the address that this broker is known by
  ({ server } = createWebServer(wire.dispatcher, mirror));
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await wire[Symbol.asyncDispose]();
});

test("pages stand behind the same doors as the wire", async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  expect((await ask(port, "/", { host })).status).toBe(200);
  expect((await ask(port, "/", { host: "evil.example" })).status).toBe(421);
  expect(
    (await ask(port, "/billing", { host, origin: "https://evil.example", "content-length": "1" }, "x")).status,
  ).toBe(403);
  expect((await ask(port, "/billing", { host, origin: `http://${host}`, "content-length": "1" }, "x")).status).toBe(
    200,
  );
  expect((await ask(port, "/billing", { host, "transfer-encoding": "chunked" }, "x")).status).toBe(413);
  const refused = await ask(port, "/", { host: "evil.example" });
  expect(refused.headers["content-type"]).toBe("application/problem+json");
});

test("a page never hears what a stranger says about forwarding", async () => {
  const { port } = server.address() as AddressInfo;
  const forged = {
    "x-forwarded-for": "10.0.0.1",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "https",
    forwarded: "for=1",
  };
  const heard = await ask(port, "/", { host, ...forged });
  expect(Object.keys(JSON.parse(heard.text)).sort()).toEqual(["connection", "host"]);
  expect(heard.headers).toMatchObject({
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "x-request-id": expect.any(String),
  });
});

/** A dispatcher that holds every answer back until its request is told to stop, or `release` is called. */
function slowDispatcher() {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const begun: string[] = [];
  async function dispatch({ target, signal }: WireRequest): Promise<WireResponse> {
    begun.push(target);
    const told = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve());
    });
    await (target.endsWith("poll") ? told : released);
    return { status: 200, headers: {}, body: target };
  }
  const visit: PageVisit = { refusal: null, requestId: "r", done: () => {} };
  const admitUpgrade = async () => ({ refusal: { status: 404, headers: {}, body: "" } });
  const dispatcher: Dispatcher = { dispatch, admitPage: async () => visit, admitUpgrade, trusts: () => false };
  return { dispatcher, release, begun };
}

test("a stop takes no more, answers long polls at once and lets the rest finish", async () => {
  const { dispatcher, release, begun } = slowDispatcher();
  const web = createWebServer(dispatcher, mirror);
  const port = await listening(web);
  const [poll, work] = [ask(port, "/api/v1/poll", { connection: "keep-alive" }), ask(port, "/api/v1/work")];
  while (begun.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  let stopped = false;
  const stopping = web.stop().then(() => {
    stopped = true;
  });
  expect(await poll).toMatchObject({ text: "/api/v1/poll", headers: { connection: "close" } });
  await expect(ask(port, "/api/v1/late")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  expect(stopped).toBe(false);
  release();
  expect((await work).text).toBe("/api/v1/work");
  await stopping;
});
