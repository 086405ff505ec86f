import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { BlockList, createServer } from "node:net";
import { buffer, text } from "node:stream/consumers";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { Whereabouts } from "../../../deps.ts";
import { collected, refusal, until } from "../../../testing/reaching.ts";
import { newHostKey } from "../../system/host-key.ts";
import { type AgentInside, type AgentInsideOptions, agentInside, shellLine } from "./agent-inside.ts";
import { createLinks } from "./ssh/links.ts";
import { type TestSshServer, testSshServer } from "./testing/ssh-server.ts";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
const warn = vi.fn();
const UNUSED = {
  logs: { read: async () => [], ended: async () => false },
  wakes: { wait: async () => {}, subscribe: () => () => {} },
} satisfies Pick<AgentInsideOptions, "logs" | "wakes">;
const open = (providerAddresses = loopback) =>
  agentInside({ ...UNUSED, log: { info: () => {}, warn, error: () => {} }, providerAddresses });

let server: TestSshServer;
let inside: AgentInside;
let at: Whereabouts;
beforeEach(async () => {
  warn.mockClear();
  server = await testSshServer();
  inside = open();
  at = {
    id: "exec_00000000000000000000000001",
    tenant: "0x0",
    endpoint: { host: "127.0.0.1", port: server.port, user: "root" },
    hostKey: server.hostKey,
    doorKey: server.doorKey,
  };
});
afterEach(() => {
  inside.close();
  server.close();
});

const never = () => new AbortController().signal;
const exec = (command: readonly string[], where = at, signal = never()) =>
  inside.exec(where, command, { terminal: null, signal });
const echo = async (where = at) => {
  const session = await exec(["cat"], where);
  session.input.end("aye");
  return text(session.output);
};

describe("the way in", () => {
  test("sessions and ports of one execution share one connection", async () => {
    const [first, second] = await Promise.all([exec(["cat"]), exec(["cat"])]);
    const socket = await inside.connect(at, server.port, never());
    socket.destroy();
    for (const session of [first, second]) session.input.end();
    expect(await Promise.all([first.exit, second.exit])).toEqual(Array(2).fill({ code: 0, signal: null }));
    expect(server.made).toBe(2); // and the one that the port led back to
  });

  test("two executions at one address share nothing", async () => {
    await echo();
    await echo({ ...at, id: "exec_00000000000000000000000002" });
    expect(server.made).toBe(2);
  });

  test("before it runs, and where the broker has no key, it is a conflict", async () => {
    expect(await refusal(exec(["true"], { ...at, endpoint: null }))).toBe("conflict");
    expect(await refusal(inside.connect({ ...at, doorKey: null }, 80, never()))).toBe("conflict");
    await expect(exec(["true"], { ...at, doorKey: null })).rejects.toThrow(/before there were terminals/);
    expect(server.made).toBe(0);
  });

  test("another host key is never spoken to, and the log says why", async () => {
    const impostor = { ...at, hostKey: newHostKey().publicKey };
    expect(await refusal(exec(["true"], impostor))).toBe("unavailable");
    expect(warn).toHaveBeenCalledWith(
      expect.objectContaining({ execution: at.id, reason: "it shows another host key" }),
      expect.anything(),
    );
  });

  test("a machine that does not let the broker in is out of reach", async () => {
    expect(await refusal(exec(["true"], { ...at, doorKey: newHostKey().privateKey }))).toBe("unavailable");
  });

  test("an address that may not be dialled is not dialled", async () => {
    inside = open(new BlockList());
    expect(await refusal(exec(["true"]))).toBe("unavailable");
    expect(server.made).toBe(0);
    expect(warn.mock.calls[0]?.[0]).toMatchObject({ reason: expect.stringContaining("127.0.0.1: not public") });
  });

  test("a machine that accepts and says nothing is out of reach in a while", async () => {
    const silent = createServer(() => {});
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    onTestFinished(() => void silent.close());
    const address = silent.address();
    if (address === null || typeof address === "string") throw new Error("it has no port");
    const endpoint = { host: "127.0.0.1", port: address.port, user: "root" };
    expect(await refusal(exec(["true"], { ...at, endpoint }))).toBe("unavailable");
  });

  test("a connection that broke is made anew for the next who comes", async () => {
    await echo();
    server.cut();
    await until("it is gone", () => server.open === 0);
    expect(await echo()).toBe("aye");
    expect(server.made).toBe(2);
  });

  test("a machine that opens no channel is out of reach, and what runs in it goes on", async () => {
    const session = await exec(["cat"]);
    server.stall();
    expect(await refusal(exec(["true"]))).toBe("unavailable");
    session.input.end("still here");
    expect(await text(session.output)).toBe("still here");
  });

  test("who gives up gets nothing, and leaves nothing open", async () => {
    expect(await refusal(exec(["true"], at, AbortSignal.abort()))).toBe("unavailable");
    expect(server.made).toBe(0);
  });

  test("a connection that nobody uses is closed after a while, and not before", async () => {
    const links = createLinks(loopback, 300);
    onTestFinished(() => links.close());
    const { endpoint, doorKey } = at;
    if (!endpoint || !doorKey) throw new Error("no way");
    const { link } = await links.to({ ...at, endpoint, doorKey });
    const channel = await link.open((client, opened) => client.exec("cat", opened));
    await new Promise((resolve) => setTimeout(resolve, 900));
    expect(server.open).toBe(1);
    channel.resume().end();
    await until("it is closed", () => server.open === 0);
    expect(link.alive).toBe(false);
  });

  test("closed, it hangs up everything", async () => {
    const session = await exec(["sleep", "600"]);
    inside.close();
    expect(await session.exit).toEqual({ code: null, signal: null });
    await until("it is gone", () => server.open === 0);
  });
});

describe("a command", () => {
  test("every word arrives as it is, through a shell of POSIX", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" }).filter((word) => !word.includes("\0"))), (words) => {
        const line = shellLine(["printf", "%s\\0", "first", ...words]);
        const said = execFileSync("/bin/sh", ["-c", line]).toString();
        expect(said).toBe(["first", ...words].map((word) => `${word}\0`).join(""));
      }),
      { numRuns: 60 },
    );
  });

  test("no words, and a word that no program can be given, are refused", async () => {
    expect(await refusal(exec([]))).toBe("bad-request");
    expect(await refusal(exec(["echo", "a\0b"]))).toBe("bad-request");
  });

  test("its end is told also where nobody reads what it says, and what it said can be read then", async () => {
    const session = await exec(["sh", "-c", "echo out; echo err >&2; exit 4"]);
    expect(await session.exit).toEqual({ code: 4, signal: null });
    expect([await text(session.output), await text(session.errors)]).toEqual(["out\n", "err\n"]);
  });

  test("a connection that breaks ends it: what came is there, how it ended nobody knows", async () => {
    const session = await exec(["sh", "-c", "echo begun; sleep 600"]);
    const said = collected(session.output);
    await until("it runs", () => said() === "begun\n");
    server.cut();
    expect(await session.exit).toEqual({ code: null, signal: null });
    expect(said()).toBe("begun\n");
    session.input.write("to nobody");
  });

  test("closed, it ends at once, twice too, with what was said so far", async () => {
    const session = await exec(["sh", "-c", "echo begun; sleep 600"]);
    await new Promise((resolve) => session.output.once("readable", resolve));
    session.close();
    session.close();
    expect(await session.exit).toEqual({ code: null, signal: null });
    expect(await text(session.output)).toBe("begun\n");
  });
});

describe("a port", () => {
  async function listener(serve: Parameters<typeof createServer>[1]) {
    const there = createServer({ allowHalfOpen: true }, serve);
    there.listen(0, "127.0.0.1");
    await once(there, "listening");
    onTestFinished(() => void there.close());
    const address = there.address();
    if (address === null || typeof address === "string") throw new Error("it has no port");
    return address.port;
  }

  test("what is said to it and what it says are whole, with either end first", async () => {
    const port = await listener((socket) => {
      const heard: Buffer[] = [];
      socket.on("data", (part) => heard.push(part));
      socket.on("end", () => socket.end(Buffer.concat([...heard, ...heard])));
    });
    const socket = await inside.connect(at, port, never());
    const payload = Buffer.alloc(3_000_000, 7);
    socket.end(payload);
    expect((await buffer(socket)).length).toBe(6_000_000);
    await until("it is closed", () => socket.destroyed);
  });

  test("where nobody listens it is a conflict, and the connection stays", async () => {
    expect(await refusal(inside.connect(at, 9, never()))).toBe("conflict");
    expect(await echo()).toBe("aye");
    expect(server.made).toBe(1);
  });

  test("a broken connection is an error of the socket, not its end", async () => {
    const port = await listener((socket) => {
      socket.on("error", () => {});
      socket.write("half of it");
    });
    const socket = await inside.connect(at, port, never());
    await once(socket, "data");
    server.cut();
    await expect(once(socket, "end")).rejects.toThrow(/lost/);
  });

  test("its signal and throwing it away hang up", async () => {
    const left = vi.fn();
    const port = await listener((socket) => {
      socket.on("error", () => {});
      socket.on("close", left);
      socket.resume();
      socket.on("end", () => socket.end());
    });
    const stop = new AbortController();
    await inside.connect(at, port, stop.signal);
    const other = await inside.connect(at, port, never());
    stop.abort();
    other.destroy();
    await until("both are gone", () => left.mock.calls.length === 2);
  });
});
