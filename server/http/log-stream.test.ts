// A job's log on the wire: JSON, and server-sent events by Accept or by query.
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { sql } from "drizzle-orm";
import { encode } from "next-auth/jwt";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ExecutionId } from "../../domain/ids.ts";
import { logStore } from "../repos/logs.ts";
import { openWire, SESSION_SECRET, type Wire } from "../testing/wire.ts";
import { logout } from "../usecases/account/logout.ts";
import { SESSION_COOKIE } from "./session-cookie.ts";

const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl me@home";
let wire: Wire;
let owner: { token: string; account: string };

beforeAll(async () => {
  wire = await openWire();
  await wire.world.provider({ gpus: 16 });
  owner = await wire.login();
});
afterAll(() => wire[Symbol.asyncDispose]());

async function rent(on: Wire = wire, token = owner.token) {
  const json = { kind: "rental", gpu_type: "NVIDIA GeForce RTX 4090", duration_hours: 1, ssh_public_key: SSH_KEY };
  const { id } = (await on.ask("/api/v1/jobs", { token, json })).json;
  const [row] = await on.world.db.execute<{ id: ExecutionId }>(sql`select id from executions where job_id = ${id}`);
  if (!row) throw new Error("no execution");
  return {
    path: `/api/v1/jobs/${id}/logs`,
    append: (text: string, offset = 0) => logStore(on.world.db).append(row.id, offset, text, on.deps.clock.now()),
    end: () =>
      on.world.db.transaction(async (tx) => {
        await tx.execute(sql`update executions set status = 'stopped', started_at = created_at, ended_at = created_at,
          reason = 'stopped-by-customer' where id = ${row.id}`);
        await tx.execute(sql`update jobs set settled_at = created_at - interval '1 hour', reason = 'stopped-by-customer'
          where id = ${id}`);
        await tx.execute(sql`select pg_notify('berth', ${id})`);
      }),
  };
}

interface Said {
  readonly event: string | null;
  readonly id: string | null;
  readonly data: ReturnType<typeof JSON.parse>;
}

async function open(path: string, headers: Record<string, string>) {
  const request = httpRequest({ port: wire.port, host: "127.0.0.1", path, headers });
  request.on("error", () => {});
  request.end();
  const [response]: [IncomingMessage] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  response.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  response.on("error", () => {});
  const ended = new Promise((resolve) => response.once("close", resolve));
  const said = (): Said[] =>
    text
      .split("\n\n")
      .slice(0, -1)
      .map((message) => {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(message)?.[1] ?? null;
        return { event: field("event"), id: field("id"), data: JSON.parse(field("data") ?? "null") };
      })
      .filter(({ data }) => data !== null);
  return {
    status: response.statusCode,
    headers: response.headers,
    ended,
    said,
    events: () => said().map(({ event, data }) => [event, data]),
    close: () => request.destroy(),
  };
}
const bearer = () => ({ authorization: `Bearer ${owner.token}` });
const eventually = (look: () => unknown, wanted: unknown) => expect.poll(look, { timeout: 20_000 }).toEqual(wanted);

test("it is JSON where nobody asks for a stream, as it was written", async () => {
  const job = await rent();
  const text = "\u001b[31mred\u001b[0m\r\n\u0007 done\n";
  await job.append(`first\n${text}`);
  const asked = (query: string) => wire.ask(`${job.path}${query}`, { token: owner.token });
  expect((await asked("")).json).toEqual({ logs: `first\n${text}`, truncated: false });
  expect((await asked("?tail=2&follow=0")).json).toEqual({ logs: text, truncated: true });
  for (const query of ["?tail=-1", "?tail=10001", "?tail=many", "?follow=yes", "?tail=1&tail=2", "?lines=3"])
    expect((await asked(query)).status, query).toBe(400);
  expect((await wire.ask(job.path)).status).toBe(401);
  expect((await wire.ask(job.path, { token: (await wire.login()).token })).status).toBe(404);
});

test.each([
  ["its Accept", "", { accept: "text/event-stream" }],
  ["follow=1, as curl asks", "?follow=1", { accept: "*/*" }],
])("by %s it is a stream of what was and what comes, until the job is over", async (_how, query, headers) => {
  const job = await rent();
  const end = await job.append("one\n");
  const stream = await open(`${job.path}${query}`, { ...bearer(), ...headers });
  expect([stream.status, stream.headers["content-type"]]).toEqual([200, "text/event-stream"]);
  await eventually(stream.events, [
    ["reset", { truncated: false }],
    ["logs", { text: "one\n" }],
  ]);
  await job.append("two\n", end);
  await eventually(() => stream.events().length, 3);
  await job.end();
  await stream.ended;
  expect(stream.events().slice(2)).toEqual([
    ["logs", { text: "two\n" }],
    ["end", { status: "stopped", reason: expect.objectContaining({ code: "stopped-by-customer" }) }],
  ]);
});

test("it is taken up again where it was, by the id of the last event", async () => {
  const job = await rent();
  const end = await job.append("one\n");
  const first = await open(job.path, { ...bearer(), accept: "text/event-stream" });
  await eventually(() => first.said().length, 2);
  first.close();
  await job.append("two\n", end);
  const id = first.said().at(-1)?.id ?? "";
  const again = await open(`${job.path}?follow=1`, { ...bearer(), "last-event-id": id });
  await eventually(again.events, [["logs", { text: "two\n" }]]);
  again.close();
});

test("the console's cookie opens its own page's stream, and reads nothing else", async () => {
  const job = await rent();
  const jwt = await encode({ token: { sub: owner.account, berthToken: owner.token }, secret: SESSION_SECRET });
  const cookie = { cookie: `${SESSION_COOKIE}=${jwt}`, "sec-fetch-site": "same-origin" };
  const own = await open(`${job.path}?tail=200`, { ...cookie, accept: "text/event-stream" });
  expect(own.status).toBe(200);
  own.close();
  expect((await wire.ask(job.path, { headers: cookie })).status).toBe(401);
  expect((await open(`${job.path}?follow=1`, { ...cookie, "sec-fetch-site": "cross-site" })).status).toBe(401);
});

test("only what can be followed takes follow=1", async () => {
  const refused = await wire.ask("/api/v1/jobs?follow=1", { token: owner.token });
  expect([refused.status, refused.json.code]).toEqual([400, "bad-request"]);
});

test("it ends when the login does, also where it is never silent", async () => {
  const { token } = await wire.login();
  const job = await rent(wire, token);
  const stream = await open(`${job.path}?follow=1`, { authorization: `Bearer ${token}` });
  await eventually(() => stream.said().length, 1);
  await logout(wire.deps, token);
  let over = false;
  const ended = stream.ended.then(() => {
    over = true;
  });
  let end = 0;
  while (!over) {
    end = await job.append("still here\n", end);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  expect(stream.said().at(-1)?.event).toBe("logs");
}, 60_000);

test("it ends when the process is told to stop", async () => {
  await using stopping = await openWire();
  await stopping.world.provider();
  const { token } = await stopping.login();
  const job = await rent(stopping, token);
  const request = httpRequest({
    ...{ port: stopping.port, path: `${job.path}?follow=1` },
    headers: { authorization: `Bearer ${token}` },
  });
  request.end();
  const [response]: [IncomingMessage] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  const ended = once(response, "end");
  stopping.inFlight.tellToStop();
  await ended;
});
