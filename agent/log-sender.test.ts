import { afterEach, describe, expect, test } from "vitest";
import type { ExecutionId } from "../domain/ids.ts";
import { BrokerError } from "./broker-client.ts";
import { startSendingLogs } from "./log-sender.ts";
import { until } from "./processes.ts";
import type { LogText } from "./runtimes/runtime.ts";

const A = "exec_01arz3ndektsv4rrffq69g5fa1";
const B = "exec_01arz3ndektsv4rrffq69g5fa2";
const PROVIDER = "prov_01arz3ndektsv4rrffq69g5fav";
const quiet = { info() {}, warn() {}, error() {} };
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A broker that keeps what it is sent, as the real one does, and a machine with logs. */
function world(known: Record<string, string> = {}) {
  const logs = new Map<ExecutionId, string>();
  const listed = new Set<ExecutionId>();
  const kept = new Map<string, string>(Object.entries(known));
  const posts: { readonly id: string; readonly seq: number; readonly offset: number; readonly text: string }[] = [];
  let seq = 0;
  const trouble: { throws: unknown; only?: string; stuck?: boolean } = { throws: undefined };
  const sender = startSendingLogs({
    broker: {
      reportLogs: async (_provider, id, part) => {
        posts.push({ id, ...part });
        if (trouble.throws && (trouble.only ?? id) === id) throw trouble.throws;
        if (trouble.stuck) return part.offset;
        const end = kept.get(id)?.length ?? 0;
        const fresh = part.text.slice(Math.max(0, end - part.offset));
        kept.set(id, (kept.get(id) ?? "") + fresh);
        return Math.max(end, part.offset) + fresh.length;
      },
    },
    providerId: PROVIDER,
    runtime: {
      list: () => [...listed].map((id) => ({ id, state: "starting" as const })),
      log: async (id, offset): Promise<LogText | null> => {
        const text = logs.get(id)?.slice(offset, offset + 10) ?? "";
        return text === "" ? null : { offset, text };
      },
    },
    sequence: { next: async () => ++seq },
    log: quiet,
    lookEveryMs: 10,
    trouble: { firstMs: 1, capMs: 5 },
  });
  ends.push(() => sender.stop());
  const write = (id: ExecutionId, text: string) => {
    listed.add(id);
    logs.set(id, (logs.get(id) ?? "") + text);
  };
  const arrives = (id: ExecutionId, text: string) => until(() => kept.get(id) === text, 10_000);
  return { sender, write, arrives, kept, posts, logs, listed, trouble };
}
const refusal = (status: number) => new BrokerError("no", status, undefined);

describe("what is written arrives", () => {
  test("in parts, in order, under numbers that grow, and what comes later too", async () => {
    const { write, arrives, posts } = world();
    write(A, "the first line, in more than one part\n");
    expect(await arrives(A, "the first line, in more than one part\n")).toBe(true);
    write(A, "more\n");
    expect(await arrives(A, "the first line, in more than one part\nmore\n")).toBe(true);
    expect(posts.map(({ seq }) => seq)).toEqual(posts.map((_, at) => at + 1));
  });

  test("from where the broker is: after a restart nothing is sent twice", async () => {
    const { write, arrives, posts } = world({ [A]: "sent before\n" });
    write(A, "sent before\nnew\n");
    expect(await arrives(A, "sent before\nnew\n")).toBe(true);
    expect(posts.map(({ text }) => text)).toEqual(["", "new\n"]);
  });

  test("of each execution, however much another writes", async () => {
    const { write, arrives } = world();
    write(A, "a".repeat(2000));
    write(B, "hello\n");
    expect(await arrives(B, "hello\n")).toBe(true);
  });

  test("also the last words of one that is gone, and then nothing is asked of it any more", async () => {
    const { write, arrives, posts, logs, listed } = world();
    write(A, "begin\n");
    expect(await arrives(A, "begin\n")).toBe(true);
    logs.set(A, "begin\nend\n");
    listed.delete(A);
    expect(await arrives(A, "begin\nend\n")).toBe(true);
    const sent = posts.length;
    logs.set(A, "begin\nend\nafter that\n");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(posts.length).toBe(sent);
  });

  test("and what is left when the agent stops", async () => {
    const { sender, write, arrives, kept } = world();
    write(A, "begin\n");
    expect(await arrives(A, "begin\n")).toBe(true);
    write(A, "x".repeat(100));
    await sender.stop();
    expect(kept.get(A)).toBe(`begin\n${"x".repeat(100)}`);
  });
});

describe("a broker that is away, or refuses", () => {
  test("is asked again until it is back, and then gets everything once", async () => {
    const { write, arrives, posts, trouble } = world();
    for (const throws of [new BrokerError("gone", undefined, undefined), refusal(503), refusal(401), refusal(429)]) {
      trouble.throws = throws;
      const before = posts.length;
      write(A, "line\n");
      await until(() => posts.length > before + 2, 10_000);
    }
    trouble.throws = undefined;
    expect(await arrives(A, "line\nline\nline\nline\n")).toBe(true);
  });

  test("one log that it wants no more of is let be, and the others go on", async () => {
    for (const status of [404, 409]) {
      const { write, arrives, posts, trouble } = world();
      Object.assign(trouble, { throws: refusal(status), only: A });
      write(A, "unwanted\n");
      await until(() => posts.length > 0, 10_000);
      write(B, "wanted\n");
      expect(await arrives(B, "wanted\n")).toBe(true);
      expect(posts.filter(({ id }) => id === A).length).toBe(1);
    }
  });

  test("one that takes and does not go on is not asked without end", async () => {
    const { write, posts, trouble, arrives } = world();
    write(A, "line\n");
    expect(await arrives(A, "line\n")).toBe(true);
    trouble.stuck = true;
    const before = posts.length;
    write(A, "again\n");
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(posts.length - before).toBeLessThan(10); // a hundred, were it asked at every look
    trouble.stuck = false;
    expect(await arrives(A, "line\nagain\n")).toBe(true);
  });
});
