// Who may not have a terminal, and what ends one.
import { encode } from "next-auth/jwt";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { AppError } from "../../domain/errors.ts";
import { openTerminalWorld, soon, TERMINAL_TEST_MS, type TerminalWorld } from "../testing/terminal-client.ts";
import { SESSION_SECRET } from "../testing/wire.ts";
import { SESSION_COOKIE } from "./session-cookie.ts";

vi.setConfig({ testTimeout: TERMINAL_TEST_MS, hookTimeout: TERMINAL_TEST_MS });

let world: TerminalWorld;
beforeAll(async () => {
  world = await openTerminalWorld({ perProcess: 20, pingMs: 1_000, checkMs: 200, heldMs: 300 });
});
afterAll(() => world[Symbol.asyncDispose]());

async function cookieOf(secret = SESSION_SECRET, token = world.owner.token): Promise<string> {
  return `${SESSION_COOKIE}=${await encode({ token: { sub: world.owner.account, berthToken: token }, secret })}`;
}

test("a page of another origin opens no terminal, whatever it holds", async () => {
  const cookie = await cookieOf();
  for (const origin of [
    "https://evil.example",
    "null",
    "http://job.localhost:1",
    `${world.origin}.evil.example`,
    `${world.origin}0`,
  ]) {
    await expect(world.dial({ origin }), origin).rejects.toThrow("403 foreign-origin");
    await expect(world.dial({ origin, token: "", cookie }), origin).rejects.toThrow("403 foreign-origin");
  }
  for (const site of ["cross-site", "same-site"])
    await expect(world.dial({ token: "", cookie, headers: { "sec-fetch-site": site } })).rejects.toThrow("403");
});

test("without an Origin only a token counts; with our own, the console's cookie does", async () => {
  const cookie = await cookieOf();
  await expect(world.dial({ origin: null, token: "", cookie })).rejects.toThrow("401 unauthenticated");
  await expect(world.dial({ origin: null, token: "" })).rejects.toThrow("401 unauthenticated");
  await expect(world.dial({ token: "" })).rejects.toThrow("401 unauthenticated");
  await expect(world.dial({ token: "forged", cookie })).rejects.toThrow("401 unauthenticated");
  const forged = await cookieOf("another secret, as long as the first one");
  await expect(world.dial({ token: "", cookie: forged })).rejects.toThrow("401 unauthenticated");
  const page = await world.dial({ token: "", cookie });
  const script = await world.dial({ origin: null });
  for (const client of [page, script]) {
    await client.hears("opened");
    client.type("exit\r");
    await client.hears("exit");
  }
});

test("another host name, a key without the scope, and another account's job are refused before the upgrade", async () => {
  await expect(world.dial({ headers: { host: "evil.example" } })).rejects.toThrow("421 wrong-host");
  const made = await world.wire.ask("/api/v1/api-keys", {
    token: world.owner.token,
    json: { name: "k", scopes: ["read"] },
  });
  await expect(world.dial({ token: made.json.key })).rejects.toThrow("403 missing-scope");
  const stranger = await world.wire.login();
  await expect(world.dial({ token: stranger.token })).rejects.toThrow("404 not-found");
  await expect(world.dial({ job: `job_0${"0".repeat(25)}` })).rejects.toThrow("404 not-found");
  for (const job of ["nonsense", "%zz", "job_1"]) await expect(world.dial({ job })).rejects.toThrow("400 bad-request");
  for (const query of ["&cols=90", "&session=short", "&received=-1", "&more=1", "&session=%zz"])
    await expect(world.dial({ query }), query).rejects.toThrow("400 bad-request");
});

test("what is no WebSocket is answered in HTTP, and garbage stops nothing", async () => {
  const host = new URL(world.origin).host;
  const head = (path: string, lines: string[]) =>
    [`GET ${path} HTTP/1.1`, `Host: ${host}`, "Connection: Upgrade", ...lines, "", ""].join("\r\n");
  const terminal = `/api/v1/jobs/${world.job}/terminal?cols=80&rows=24`;
  const bearer = `Authorization: Bearer ${world.owner.token}`;
  for (const asked of [
    head("/", ["Upgrade: websocket"]),
    head("/health", ["Upgrade: h2c"]),
    head(terminal, ["Upgrade: h2c", bearer]),
    head(terminal, ["Upgrade: websocket", bearer]),
    head(terminal, [
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 7",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      bearer,
    ]),
  ]) {
    const answer = await world.shout(asked);
    expect(answer, asked).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(answer.toLowerCase()).toContain("content-type: application/problem+json");
    expect(JSON.parse(answer.split("\r\n\r\n")[1] ?? "").code).toBe("bad-request");
  }
  const key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
  const opening = head(terminal, ["Upgrade: websocket", "Sec-WebSocket-Version: 13", key, bearer]);
  const answer = await world.shout(`${opening}${"garbage ".repeat(100)}`);
  expect(answer).toMatch(/^HTTP\/1.1 101 /); // then a close frame, and the end
  const after = await world.dial();
  await after.hears("opened");
  after.type("exit\r");
  await after.hears("exit");
});

test("what the runtime refuses is told with its reason", async () => {
  world.inside.refusal = new AppError("unavailable", "The machine does not answer.");
  const client = await world.dial();
  expect(await client.hears("error")).toEqual({
    type: "error",
    code: "unavailable",
    detail: "The machine does not answer.",
    retry: true,
  });
  expect(await client.ends()).toBe(1013);
  world.inside.refusal = new Error("a stack full of secrets");
  const other = await world.dial();
  expect((await other.hears("error")).code).toBe("internal");
  expect(JSON.stringify(other.told)).not.toContain("secrets");
  world.inside.refusal = null;
});

test("a login that is revoked ends its terminals", async () => {
  const { token } = await world.wire.login();
  const job = await world.rent(token);
  const client = await world.dial({ token, job });
  await client.hears("opened");
  await world.wire.ask("/api/v1/auth/session", { token, method: "DELETE" });
  expect(await client.hears("error")).toMatchObject({ code: "unauthenticated", retry: false });
  expect(await client.ends()).toBe(1008);
  await world.inside.opened.at(-1)?.exit; // and the shell with it
});

test("the end of the job ends its terminals with a sentence, and there is none after", async () => {
  const job = await world.rent(world.owner.token);
  const client = await world.dial({ job });
  await client.hears("opened");
  await world.wire.ask(`/api/v1/jobs/${job}`, { token: world.owner.token, method: "DELETE" });
  await world.wire.world.settleRings();
  expect(await client.hears("error")).toMatchObject({
    code: "job-ended",
    detail: expect.stringContaining("You stopped it."),
  });
  await world.inside.opened.at(-1)?.exit;
  await expect(world.dial({ job })).rejects.toThrow("409 conflict");
});

test("a shell stays without its browser for its time, and no longer", async () => {
  const client = await world.dial();
  const { session } = await client.hears("opened");
  const shell = world.inside.opened.at(-1);
  await client.vanish();
  await shell?.exit;
  const late = await world.dial({ query: `&session=${session}` });
  expect((await late.hears("opened")).resumed).toBe(false);
});

test("who does not answer is cut, and who does is not", async () => {
  const dead = await world.dial();
  await dead.hears("opened");
  const shell = world.inside.opened.at(-1);
  const alive = await world.dial();
  await alive.hears("opened");
  dead.ws.pause(); // reads no ping, sends no pong
  await shell?.exit; // cut, then held for its time
  alive.type("echo sti''ll\r");
  await alive.shows(/still/);
});

test("nobody types: a warning, then the end; whoever types is left alone", async () => {
  await using idle = await openTerminalWorld({ idleMs: 6_000, warnMs: 2_000 });
  const typing = await idle.dial();
  const silent = await idle.dial();
  const keys = setInterval(() => typing.type("\r"), 200);
  try {
    expect(await silent.hears("idle")).toEqual({ type: "idle", ends_in_seconds: 2 });
    expect(await silent.hears("error")).toMatchObject({ code: "idle", retry: false });
    expect(await silent.ends()).toBe(1000);
  } finally {
    clearInterval(keys);
  }
  expect(typing.told.map(({ type }) => type)).toEqual(["opened"]);
});

test("a stop tells every browser to come again, and waits for none of them", async () => {
  await using stopped = await openTerminalWorld();
  const client = await stopped.dial();
  const deaf = await stopped.dial();
  await client.hears("opened");
  await deaf.hears("opened");
  deaf.ws.pause();
  await stopped.stop();
  expect(await client.hears("error")).toMatchObject({ code: "unavailable", retry: true });
  expect(await client.ends()).toBe(1012);
  await Promise.all(stopped.inside.opened.map(({ exit }) => exit));
});

test("a shell whose browser reads nothing ends like any other: with its login, its job and the process", async () => {
  await using slow = await openTerminalWorld({ checkMs: 200 });
  const { wire, inside } = slow;
  const open = async (token: string, job: string) => {
    const client = await slow.dial({ token, job });
    await client.shows(/[#$] /);
    client.ws.pause();
    client.type("cat /dev/zero\r");
    const shell = inside.opened.at(-1);
    await soon("its output waits", () => shell?.session.output.isPaused() === true);
    return shell;
  };
  const { token } = await wire.login();
  const ofLogin = await open(token, await slow.rent(token));
  const job = await slow.rent(slow.owner.token);
  const ofJob = await open(slow.owner.token, job);
  const ofProcess = await open(slow.owner.token, slow.job);
  await wire.ask("/api/v1/auth/session", { token, method: "DELETE" });
  await ofLogin?.exit;
  await wire.ask(`/api/v1/jobs/${job}`, { token: slow.owner.token, method: "DELETE" });
  await wire.world.settleRings();
  await ofJob?.exit;
  await slow.stop();
  await ofProcess?.exit;
});

test("a process has so many terminals and no more", async () => {
  await using small = await openTerminalWorld({ perProcess: 1 });
  const first = await small.dial();
  await first.hears("opened");
  const second = await small.dial();
  expect(await second.hears("error")).toMatchObject({
    code: "limit-reached",
    detail: expect.stringContaining("as many as it can"),
  });
  first.type("exit\r");
  await first.hears("exit");
  await soon("there is room", async () => {
    const third = await small.dial();
    await soon("an answer", () => third.told.length > 0);
    return third.told[0]?.type === "opened";
  });
});
