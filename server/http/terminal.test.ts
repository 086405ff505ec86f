// What a terminal is for whoever may have one: a shell, byte for byte, that is still there after a broken line.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { MAX_FRAME_BYTES } from "../../protocol/terminal.ts";
import {
  openTerminalWorld,
  soon,
  TERMINAL_TEST_MS,
  type TerminalClient,
  type TerminalWorld,
  waitsFor,
} from "../testing/terminal-client.ts";

vi.setConfig({ testTimeout: TERMINAL_TEST_MS, hookTimeout: TERMINAL_TEST_MS });

let world: TerminalWorld;
beforeAll(async () => {
  world = await openTerminalWorld({ perAccount: 4 });
});
afterAll(() => world[Symbol.asyncDispose]());
// No test finds shells of the one before it.
beforeEach(async () => {
  for (const { session } of world.inside.opened) session.close();
  world.inside.dam.open();
  await Promise.all(world.inside.opened.map(({ exit }) => exit));
});

const opened = (client: TerminalClient) => client.hears("opened");

test("a terminal is a login shell at home that takes what is typed, shows what it says, and tells how it ended", async () => {
  const client = await world.dial();
  expect(await opened(client)).toMatchObject({
    resumed: false,
    from: 0,
    session: expect.stringMatching(/^[\w-]{32}$/),
  });
  client.type('echo "at $PWD as $TERM, $(shopt login_shell)"\r');
  await client.shows(/at \/\S*berth-terminal-\S+ as xterm-256color, login_shell\s+on/);
  client.type(Buffer.from("printf 'ümlaut \\377 %s\\n' \"$((6*7))\"\r"));
  await soon("bytes as they are", () => client.shown.includes(Buffer.from([0xff, 0x20, 0x34, 0x32])));
  client.type("exit 7\r");
  expect(await client.hears("exit")).toEqual({ type: "exit", code: 7, signal: null });
  expect(await client.ends()).toBe(1000);
});

test("it is as wide as it was asked for, and as it is made later", async () => {
  const client = await world.dial();
  client.type("stty size\r");
  await client.shows(/[\r\n]24 80\r/);
  client.say({ type: "resize", cols: 101, rows: 33 });
  client.type("stty size\r");
  await client.shows(/[\r\n]33 101\r/);
  client.type("kill -KILL $$\r");
  expect(await client.hears("exit")).toEqual({ type: "exit", code: null, signal: "SIGKILL" });
});

test("every opening is an event of the job, coming back to a shell is none", async () => {
  const count = async () => {
    const { events } = (await world.wire.ask(`/api/v1/jobs/${world.job}/events`, { token: world.owner.token })).json;
    return events.filter(({ message }: { message: string }) => message === "A terminal was opened.").length;
  };
  const before = await count();
  const client = await world.dial();
  const { session } = await opened(client);
  await client.vanish();
  const again = await world.dial({ query: `&session=${session}` });
  expect(await opened(again)).toMatchObject({ resumed: true, session });
  expect(await count()).toBe(before + 1);
});

test("a broken line loses nothing: whoever says how much they have is sent the rest, in the same shell", async () => {
  const client = await world.dial();
  const { session } = await opened(client);
  client.type("here=kept; stty -echo\r");
  client.type(`echo one-$here; ${waitsFor("broken")}; echo two-$here; sleep 0.3; echo three\r`);
  await client.shows(/one-kept/);
  await client.vanish();
  await world.letGo("broken");
  const received = client.shown.length;
  const again = await world.dial({ query: `&session=${session}&received=${received}` });
  expect(await opened(again)).toEqual({ type: "opened", session, resumed: true, from: received });
  await again.shows(/two-kept[\s\S]*three/);
  expect(again.shown.toString()).not.toContain("one-kept");
  await again.vanish();
  const fresh = await world.dial({ query: `&session=${session}` }); // a page that was loaded anew has nothing
  expect(await opened(fresh)).toMatchObject({ resumed: true, from: 0 });
  await fresh.shows(/one-kept[\s\S]*two-kept[\s\S]*three/);
});

test("an end that nobody saw is told to whoever comes back", async () => {
  const client = await world.dial();
  const { session } = await opened(client);
  client.type(`${waitsFor("left")}; exit 3\r`);
  await client.shows(/exit 3/);
  await client.vanish();
  await world.letGo("left");
  await Promise.all(world.inside.opened.map(({ exit }) => exit));
  const again = await world.dial({ query: `&session=${session}` });
  expect(await again.hears("exit")).toMatchObject({ code: 3 });
  const later = await world.dial({ query: `&session=${session}` });
  expect(await opened(later)).toMatchObject({ resumed: false });
});

test("a second window with the same session takes over, and the first is told", async () => {
  const first = await world.dial();
  const { session } = await opened(first);
  const second = await world.dial({ query: `&session=${session}` });
  expect(await first.hears("error")).toMatchObject({ code: "taken-over", retry: false });
  expect(await first.ends()).toBe(1000);
  second.type("echo sti''ll\r");
  await second.shows(/[\r\n]still/);
});

test("a session opens nothing but its own account's shell in its own job", async () => {
  const client = await world.dial();
  const { session } = await opened(client);
  const stranger = await world.wire.login();
  const theirs = await world.rent(stranger.token);
  const other = await world.dial({ token: stranger.token, job: theirs, query: `&session=${session}` });
  expect(await opened(other)).toMatchObject({ resumed: false });
  const mine = await world.rent(world.owner.token);
  const elsewhere = await world.dial({ job: mine, query: `&session=${session}` });
  expect((await opened(elsewhere)).session).not.toBe(session);
  expect(client.closed).toBeNull();
});

test("a paste of 1 MiB arrives whole, in its order", async () => {
  const client = await world.dial();
  const paste = Buffer.from(Array.from({ length: 1 << 20 }, (_, i) => 97 + ((i * 7 + (i >> 9)) % 26)));
  client.type("stty raw -echo; echo ready; head -c 1048576 | sha256sum; stty sane\r");
  await client.shows(/[\r\n]ready/);
  for (let at = 0; at < paste.length; at += 16 << 10) client.type(paste.subarray(at, at + (16 << 10)));
  await client.shows(new RegExp(createHash("sha256").update(paste).digest("hex")));
});

test("while the shell takes nothing, nothing more is read from the browser; then all of it arrives", async () => {
  const client = await world.dial();
  client.type("stty raw -echo; echo ready; head -c $((4 << 20)) | wc -c; stty sane\r");
  await client.shows(/[\r\n]ready/);
  world.inside.dam.close();
  for (let sent = 0; sent < 4 << 20; sent += 32 << 10) client.type(Buffer.alloc(32 << 10, "x"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const held = world.inside.opened.at(-1)?.session.input.writableLength ?? 0;
  expect(held).toBeGreaterThan(0);
  expect(held).toBeLessThan(512 << 10);
  world.inside.dam.open();
  await client.shows(/4194304/);
});

test("a shell that takes nothing holds up nobody else, and its end is told however much was typed", async () => {
  const client = await world.dial();
  client.type("stty raw -echo; echo ready; sleep 1; kill -KILL $$\r");
  await client.shows(/[\r\n]ready/);
  for (let sent = 0; sent < 4 << 20; sent += 32 << 10) client.type(Buffer.alloc(32 << 10, "x"));
  const other = await world.dial();
  other.type("echo awa''ke\r");
  await other.shows(/awake/);
  expect(await client.hears("exit")).toMatchObject({ signal: "SIGKILL" });
});

test("a reader that does not read stops the shell instead of filling the broker, and misses nothing after", async () => {
  const client = await world.dial();
  await client.shows(/[#$] /);
  client.ws.pause();
  client.type("stty -echo; head -c 16777216 /dev/zero | tr '\\0' 'y'; echo; echo ver''y end\r");
  const { session } = world.inside.opened.at(-1) ?? {};
  await soon("its output waits", () => session?.output.isPaused() === true);
  client.ws.resume();
  await client.shows(/very end/);
  expect(client.length).toBeGreaterThan(16_777_216);
});

test("whoever acknowledges is never sent more than what is kept ahead", async () => {
  const client = await world.dial();
  await client.shows(/[#$] /);
  client.say({ type: "ack", received: 0 });
  client.type("stty -echo; head -c 3000000 /dev/zero | tr '\\0' 'y'; echo ver''y end\r");
  const { session } = world.inside.opened.at(-1) ?? {};
  await soon("its output waits", () => session?.output.isPaused() === true);
  const most = (256 << 10) + (128 << 10); // what is kept, and one read more
  expect(client.shown.length).toBeLessThan(most);
  await soon("the end", () => {
    client.say({ type: "ack", received: client.shown.length });
    return client.shown.includes("very end");
  });
});

test("without anybody to see it, a shell writes no more than is kept, and goes on for whoever comes back", async () => {
  const client = await world.dial();
  await client.shows(/[#$] /);
  const { session } = await opened(client);
  client.say({ type: "ack", received: client.shown.length });
  client.type(`stty -echo; ${waitsFor("alone")}; seq 1 200000; echo ver''y end\r`);
  await client.shows(/until/);
  await client.vanish();
  await world.letGo("alone");
  await soon("its output waits", () => world.inside.opened.at(-1)?.session.output.isPaused() === true);
  const again = await world.dial({ query: `&session=${session}&received=${client.shown.length}` });
  await again.shows(/very end/);
  const lines =
    Buffer.concat([client.shown, again.shown])
      .toString()
      .match(/^\d+\r$/gm) ?? [];
  expect(lines).toHaveLength(200_000);
});

test("a frame that means nothing ends the connection with a reason, and not the shell", async () => {
  for (const garbage of [
    "",
    "{}",
    "[1]",
    '{"type":"resize","cols":0,"rows":5}',
    '{"type":"resize","cols":1e9,"rows":5}',
  ]) {
    const client = await world.dial();
    const { session } = await opened(client);
    client.ws.send(garbage);
    expect((await client.hears("error")).code, garbage).toBe("bad-request");
    expect(await client.ends()).toBe(1008);
    const again = await world.dial({ query: `&session=${session}` });
    expect((await opened(again)).resumed).toBe(true);
    again.type("exit\r");
    await again.ends();
  }
});

test("a frame that is too large closes the connection", async () => {
  const client = await world.dial();
  await opened(client);
  client.type(Buffer.alloc(MAX_FRAME_BYTES + 1));
  expect(await client.ends()).toBe(1009);
});

test("an account has so many terminals and no more; one that nobody looks at makes room", async () => {
  const clients = await Promise.all([1, 2, 3, 4].map(() => world.dial()));
  await Promise.all(clients.map(opened));
  const fifth = await world.dial();
  expect(await fifth.hears("error")).toMatchObject({
    code: "limit-reached",
    detail: expect.stringContaining("at most 4"),
  });
  expect(await fifth.ends()).toBe(1013);
  await clients[0]?.vanish();
  await soon("there is room", async () => {
    const sixth = await world.dial();
    await soon("an answer", () => sixth.told.length > 0);
    return sixth.told[0]?.type === "opened";
  });
});
