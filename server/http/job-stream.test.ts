import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { encode } from "next-auth/jwt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { recordEvent } from "../repos/events.ts";
import { openWire, SESSION_SECRET, type Wire } from "../testing/wire.ts";
import { SESSION_COOKIE } from "./session-cookie.ts";

const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl me@home";
let wire: Wire;
let owner: { token: string; account: string };
let jobId: string;

beforeAll(async () => {
  wire = await openWire();
  await wire.world.provider();
  owner = await wire.login();
  const json = { kind: "rental", gpu_type: "NVIDIA GeForce RTX 4090", duration_hours: 1, ssh_public_key: SSH_KEY };
  jobId = (await wire.ask("/api/v1/jobs", { token: owner.token, json })).json.id;
});
afterAll(() => wire[Symbol.asyncDispose]());

const happen = (code: string) =>
  wire.world.db.transaction((tx) =>
    recordEvent(tx, { subject: jobId, code, message: code, at: wire.deps.clock.now() }),
  );

interface Stream {
  readonly status: number;
  readonly contentType: string;
  /** Reads until there are `n` messages, and returns them. */
  read(n: number): Promise<{ id: number; code: string }[]>;
  close(): void;
}

async function open(headers: Record<string, string>, path = `/api/v1/jobs/${jobId}/events`): Promise<Stream> {
  const request = httpRequest({
    port: wire.port,
    host: "127.0.0.1",
    path,
    headers: { accept: "text/event-stream", ...headers },
  });
  request.on("error", () => {});
  request.end();
  const [response]: [IncomingMessage] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  response.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  response.on("error", () => {});
  const messages = () =>
    [...text.matchAll(/^id: (\d+)\ndata: (.*)\n\n/gm)].map(([, id, data]) => ({
      id: Number(id),
      code: JSON.parse(data ?? "{}").code,
    }));
  return {
    status: response.statusCode ?? 0,
    contentType: String(response.headers["content-type"]),
    async read(n) {
      await expect.poll(() => messages().length, { timeout: 20_000, interval: 10 }).toBeGreaterThanOrEqual(n);
      return messages();
    },
    close: () => request.destroy(),
  };
}
const bearer = () => ({ authorization: `Bearer ${owner.token}` });

test("a stream tells what was, then what happens, and is taken up again after the last event seen", async () => {
  const stream = await open(bearer());
  expect([stream.status, stream.contentType]).toEqual([200, "text/event-stream"]);
  expect((await stream.read(1)).map(({ code }) => code)).toEqual(["rented"]);
  await happen("one");
  await happen("two");
  const seen = await stream.read(3);
  expect(seen.map(({ code }) => code)).toEqual(["rented", "one", "two"]);
  stream.close();
  await happen("three");
  const again = await open({ ...bearer(), "last-event-id": String(seen[1]?.id) });
  expect((await again.read(2)).map(({ code }) => code)).toEqual(["two", "three"]);
  await happen("four");
  expect((await again.read(3)).map(({ code }) => code)).toEqual(["two", "three", "four"]);
  again.close();
});

test("what happens while many events are replayed is told after them, and once", async () => {
  for (let n = 0; n < 250; n++) await happen(`many-${n}`);
  const stream = await open(bearer());
  await happen("last");
  const listed =
    (await wire.world.db.execute<{ n: number }>(`select count(*)::int as n from events where subject = '${jobId}'`))[0]
      ?.n ?? 0;
  const seen = await stream.read(listed);
  expect(seen).toHaveLength(listed);
  expect(seen.at(-1)?.code).toBe("last");
  expect(seen.map(({ id }) => id)).toEqual([...new Set(seen.map(({ id }) => id))].sort((a, b) => a - b));
  stream.close();
});

test("the console's cookie opens its own pages' streams, and no other page's", async () => {
  const jwt = await encode({ token: { sub: owner.account, berthToken: owner.token }, secret: SESSION_SECRET });
  const cookie = `theme=dark; ${SESSION_COOKIE}=${jwt}`;
  const own = await open({ cookie, "sec-fetch-site": "same-origin" });
  expect(own.status).toBe(200);
  own.close();
  for (const site of ["same-site", "cross-site", "none"])
    expect((await open({ cookie, "sec-fetch-site": site })).status, site).toBe(401);
  expect((await open({ cookie })).status).toBe(401);
  const forged = await encode({
    token: { berthToken: owner.token },
    secret: "another secret, as long as the first one",
  });
  expect((await open({ cookie: `${SESSION_COOKIE}=${forged}`, "sec-fetch-site": "same-origin" })).status).toBe(401);
});

test("another account's stream is not found, and nothing of it is sent", async () => {
  const stranger = await wire.login();
  const refused = await open({ authorization: `Bearer ${stranger.token}` });
  expect([refused.status, refused.contentType]).toEqual([404, "application/problem+json"]);
});

test("a stream ends when the process is told to stop", async () => {
  await using stopping = await openWire();
  await stopping.world.provider();
  const { token } = await stopping.login();
  const json = { kind: "rental", gpu_type: "NVIDIA GeForce RTX 4090", duration_hours: 1, ssh_public_key: SSH_KEY };
  const { id } = (await stopping.ask("/api/v1/jobs", { token, json })).json;
  const request = httpRequest({
    port: stopping.port,
    path: `/api/v1/jobs/${id}/events`,
    headers: { accept: "text/event-stream", authorization: `Bearer ${token}` },
  });
  request.end();
  const [response]: [IncomingMessage] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  const ended = once(response, "end");
  stopping.inFlight.tellToStop();
  await ended;
});
