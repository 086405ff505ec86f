// An API server that misbehaves, played by a server of our own: what is refused, lost, late or cut off on the way.
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { KubeConfig } from "@kubernetes/client-node";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { LOG_TAIL_BYTES } from "../../../../../domain/execution/spec.ts";
import { formatId } from "../../../../../domain/ids.ts";
import { collected, refusal, until } from "../../../../testing/reaching.ts";
import { endOf, lastWordsOf } from "../pods/last-words.ts";
import { dial, fetchLong } from "./dial.ts";
import { sessionOf } from "./session.ts";
import { tunnelOf } from "./tunnel.ts";

const FOREVER = new AbortController().signal;
const ID = formatId("exec", 1, new Uint8Array(10));
const log = { info: () => {}, warn: () => {}, error: () => {} };

function configOf(port: number): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: "a", server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: "b" });
  return config;
}

async function serve(answer: RequestListener, onSocket: (socket: WebSocket) => void = () => {}) {
  const server = createServer(answer);
  const sockets = new WebSocketServer({ noServer: true });
  let refuse: string | null = null;
  server.on("upgrade", (request, socket, head) => {
    if (refuse !== null) return void socket.end(refuse);
    sockets.handleUpgrade(request, socket, head, onSocket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const open = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
  return {
    config: configOf((server.address() as AddressInfo).port),
    open,
    refuseWith(status: string, body: string) {
      refuse = `HTTP/1.1 ${status}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
    },
  };
}
const nothing: RequestListener = () => {};

test("an API server that is away is unavailable, whatever is asked", async () => {
  const config = configOf(9);
  expect(await refusal(dial(config, "/x", FOREVER))).toBe("unavailable");
  expect(await refusal(fetchLong(config, "/x", FOREVER))).toBe("unavailable");
  expect(await lastWordsOf(config, ID, "0x0", log)).toBe("");
});

test("a pod that is not there or does not run is a conflict, and every other refusal is not", async () => {
  const { config, refuseWith, open } = await serve(nothing);
  for (const [status, body, code] of [
    ["404 Not Found", 'pods "exec-1" not found', "conflict"],
    ["500 Internal Server Error", 'unable to upgrade connection: container not found ("workspace")', "conflict"],
    ["400 Bad Request", "cannot exec into a container in a completed pod; current phase is Succeeded", "conflict"],
    ["400 Bad Request", "pod exec-1 does not have a host assigned", "conflict"],
    ["403 Forbidden", "may not", "unavailable"],
    ["503 Service Unavailable", "", "unavailable"],
  ] as const) {
    refuseWith(status, body);
    expect([body, await refusal(dial(config, "/x", FOREVER))]).toEqual([body, code]);
  }
  await until("no socket is left open", async () => (await open()) === 0);
});

test("whoever gives up while it is dialled leaves no socket behind", async () => {
  const { config, open } = await serve(nothing);
  const stop = new AbortController();
  const answer = fetchLong(config, "/x", stop.signal);
  await until("it asks", async () => (await open()) === 1);
  stop.abort(new Error("enough"));
  await expect(answer).rejects.toThrow("enough");
  await expect(dial(config, "/x", stop.signal)).rejects.toThrow("enough");
  await until("no socket is left open", async () => (await open()) === 0);
});

test("a command whose connection breaks has an end that nobody knows, after all that came", async () => {
  const { config } = await serve(nothing, (socket) => {
    socket.send(Buffer.from("\x01so far"), () => socket.terminate());
  });
  const session = sessionOf(await dial(config, "/x", FOREVER), { terminal: null, signal: FOREVER });
  expect(await text(session.output)).toBe("so far");
  expect(await session.exit).toEqual({ code: null, signal: null });
  expect(session.input.destroyed).toBe(true);
});

test("what is typed before a terminal begins waits, and its echo does not hide the number of what runs there", async () => {
  const { config } = await serve(nothing, (socket) => {
    let begun = false;
    // As a pseudo terminal does: what is typed is shown at once, whether anybody reads it yet or not.
    socket.on("message", (said: Buffer) => {
      if (said[0] === 0) socket.send(Buffer.from(`\x01${begun ? "" : "too early: "}${said.subarray(1)}\r\n`));
    });
    setTimeout(() => {
      begun = true;
      socket.send(Buffer.from("\x01123\r\n"));
    }, 200);
  });
  const processes: string[] = [];
  const terminal = { cols: 80, rows: 24 };
  const session = sessionOf(await dial(config, "/x", FOREVER), {
    terminal,
    signal: FOREVER,
    onProcess: (process) => processes.push(process),
  });
  const shown = collected(session.output);
  session.input.write("one");
  session.input.write("two");
  await until("both are shown", () => shown().includes("two"));
  expect(shown()).toBe("one\r\ntwo\r\n");
  expect(processes).toEqual(["123"]);
  session.close();
});

test("a reader who is behind stops the sender, and is not drowned", async () => {
  const part = Buffer.alloc(64 * 1024, 1);
  let sent = 0;
  const { config } = await serve(nothing, (socket) => {
    const more = () => {
      if (socket.readyState !== socket.OPEN || sent >= 2000) return;
      sent++;
      socket.send(part, more);
    };
    more();
  });
  const session = sessionOf(await dial(config, "/x", FOREVER), { terminal: null, signal: FOREVER });
  let before = -1;
  await until("the sender waits", async () => {
    const still = sent === before;
    before = sent;
    return still;
  });
  expect(session.output.readableLength).toBeLessThan(4 * part.length);
  expect(sent).toBeLessThan(2000);
  session.close();
  await session.exit;
});

test("a refusal that comes late destroys the connection with a conflict", async () => {
  const { config, open } = await serve(nothing, (socket) => {
    socket.once("message", () => socket.send(Buffer.from("\x01\x09\x00dial tcp4: connection refused")));
  });
  const tunnel = await tunnelOf(await dial(config, "/x", FOREVER), 9, FOREVER);
  const failed = once(tunnel, "error");
  tunnel.write("anybody?");
  expect((await failed)[0]).toMatchObject({ code: "conflict" });
  await until("no socket is left open", async () => (await open()) === 0);
});

test("a connection that is cut off fails, and one that is closed ends", async () => {
  const { config } = await serve(nothing, (socket) => {
    socket.on("message", (said: Buffer) => {
      if (said.toString() === "\0cut") return socket.terminate();
      socket.send(Buffer.from("\0\x50\x00"));
      socket.send(Buffer.from("\0all of it"), () => socket.close(1000));
    });
  });
  const [cut, closed] = await Promise.all(
    [1, 2].map(async () => tunnelOf(await dial(config, "/x", FOREVER), 80, FOREVER)),
  );
  if (!cut || !closed) throw new Error("no connections");
  cut.write("cut");
  closed.write("close");
  // Together: one that fails while the other is waited for would be nobody's error.
  const [[failed], said] = await Promise.all([once(cut, "error"), text(closed)]);
  expect(failed).toMatchObject({ code: "unavailable" });
  expect(said).toBe("all of it");
});

test("whoever stops reading a long answer leaves no socket behind", async () => {
  const { config, open } = await serve((_request, response) => {
    response.write("begun");
  });
  for await (const part of await fetchLong(config, "/x", FOREVER)) {
    expect(part.toString()).toBe("begun");
    break;
  }
  await until("no socket is left open", async () => (await open()) === 0);
});

test("last words are waited for no longer than a moment, and that is said", async () => {
  const { config, open } = await serve(nothing);
  const warned: string[] = [];
  const from = performance.now();
  expect(await lastWordsOf(config, ID, "0x0", { ...log, warn: (_fields, text) => warned.push(text) })).toBe("");
  expect(performance.now() - from).toBeLessThan(8_000);
  expect(warned).toHaveLength(1);
  await until("no socket is left open", async () => (await open()) === 0);
});

test("of a long log the end is kept, in whole characters", async () => {
  const { config } = await serve((_request, response) => void response.end(`${"é€𝄞".repeat(60_000)}the end`));
  const words = await lastWordsOf(config, ID, "0x0", log);
  expect(Buffer.byteLength(words)).toBeLessThanOrEqual(LOG_TAIL_BYTES);
  expect(Buffer.byteLength(words)).toBeGreaterThan(LOG_TAIL_BYTES - 4);
  expect(words).not.toContain("\ufffd");
  expect(words.endsWith("the end")).toBe(true);
});

test("an end is an end, no longer than it may be, and cuts no character", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(40), (all, most) => {
      const end = endOf(Buffer.from(all), most).toString();
      expect(all.endsWith(end)).toBe(true);
      expect(Buffer.byteLength(end)).toBeLessThanOrEqual(most);
    }),
  );
});
