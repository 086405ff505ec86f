import { createHash, generateKeyPairSync, sign, verify } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { type ExecutionId, formatId } from "../domain/ids.ts";
import { manifestText } from "../domain/verification/manifest.ts";
import type { ExecutionReport } from "../protocol/agent.ts";
import { ResultReport, type ResultsAnswer, ResultsReport, resultText } from "../protocol/results.ts";
import { BrokerError } from "./broker-client.ts";
import { until } from "./processes.ts";
import { startSendingResults } from "./result-sender.ts";
import { type FinishedRun, refused } from "./runtimes/finished-run.ts";

const PROVIDER = "prov_01arz3ndektsv4rrffq69g5fav";
const quiet = { info() {}, warn() {}, error() {} };
const key = generateKeyPairSync("ed25519");
const identity = { sign: (text: string) => sign(null, Buffer.from(text), key.privateKey).toString("base64") };
const sha256 = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");
const idOf = (n: number) => formatId("exec", n, new Uint8Array(10));
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const runOf = (stdout: string | Buffer): FinishedRun => ({
  ...{ outcome: "completed", end: null, detail: "", exitCode: 0, runMs: 12, startedAt: new Date(0) },
  ...{
    stdout: Buffer.from(stdout),
    stderr: Buffer.from("warned"),
    files: [{ path: "a/b", content: Buffer.of(0, 255) }],
  },
});

type Status = ResultsAnswer["results"][number]["status"];

/** A machine with results, and a broker that keeps the first of each as the real one does. */
function world(there: Record<ExecutionId, FinishedRun> = {}) {
  const results = new Map<ExecutionId, FinishedRun>();
  const kept = new Map<string, ResultReport>();
  const posts: ResultsReport[] = [];
  const broker: {
    throws: unknown;
    status: (id: string) => Status | undefined;
    unreadable: string | undefined;
    delayMs: number;
  } = { throws: undefined, status: () => "accepted", unreadable: undefined, delayMs: 0 };
  let news: (id: ExecutionId) => void = () => {};
  for (const [id, run] of Object.entries(there)) if (id.startsWith("exec_")) results.set(idFrom(id), run);
  const start = () => {
    let seq = 0;
    const sender = startSendingResults({
      broker: {
        reportResults: async (_provider, report) => {
          posts.push(ResultsReport.parse(report));
          if (broker.delayMs) await new Promise((resolve) => setTimeout(resolve, broker.delayMs));
          if (broker.throws) throw broker.throws;
          if (report.results.some(({ execution_id: id }) => id === broker.unreadable)) throw refusal(400);
          return {
            results: report.results.flatMap((result) => {
              const status = broker.status(result.execution_id);
              if (status === "accepted" && !kept.has(result.execution_id)) kept.set(result.execution_id, result);
              return status ? [{ execution_id: result.execution_id, status, detail: "" }] : [];
            }),
          };
        },
      },
      providerId: PROVIDER,
      identity,
      runtime: {
        list: () =>
          [...results.keys()].map((id): ExecutionReport => {
            return {
              id,
              state: "ended",
              exit_code: 0,
              cause: "exited",
              detail: "",
              ended_at: new Date(0).toISOString(),
            };
          }),
        result: async (id) => results.get(id) ?? null,
        onResult: (listener) => {
          news = listener;
        },
      },
      sequence: { next: async () => ++seq },
      log: quiet,
      trouble: { firstMs: 1, capMs: 5 },
      lookEveryMs: 30_000,
    });
    ends.push(() => sender.stop());
    return sender;
  };
  const end = (id: ExecutionId, run: FinishedRun) => {
    results.set(id, run);
    news(id);
  };
  const arrives = (...ids: ExecutionId[]) => until(() => ids.every((id) => kept.has(id)), 5000, 2);
  return { start, end, arrives, kept, posts, results, broker };
}
const idFrom = (text: string): ExecutionId => `exec_${text.slice(5)}`;
const refusal = (status: number) => new BrokerError("no", status, undefined);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("what has ended is delivered", () => {
  test("at once, as the wire wants it, with the hash of what is sent and this machine's signature over it", async () => {
    const { start, end, arrives, kept } = world();
    start();
    await pause(20);
    const run = runOf("hello\n");
    end(idOf(1), run);
    expect(await arrives(idOf(1))).toBe(true); // in seconds: without the call it would be looked for after thirty
    const report = ResultReport.parse(kept.get(idOf(1)));
    const files = [{ path: "a/b", sha256: sha256(Buffer.of(0, 255)), bytes: 2 }];
    const hash = sha256(manifestText({ stdoutSha256: sha256("hello\n"), stdoutBytes: 6, files }));
    expect(report).toMatchObject({ outcome: "completed", end: null, exit_code: 0, run_ms: 12, result_hash: hash });
    expect(Buffer.from(report.stdout, "base64").toString()).toBe("hello\n");
    expect(report.files).toEqual([{ path: "a/b", content: Buffer.of(0, 255).toString("base64") }]);
    const signed = Buffer.from(resultText(idOf(1), hash));
    expect(verify(null, signed, key.publicKey, Buffer.from(report.signature, "base64"))).toBe(true);
  });

  test("what was refused is delivered too, with the hash of nothing", async () => {
    const { start, end, arrives, kept } = world();
    start();
    end(idOf(1), refused({ end: "cannot-run", detail: "no network here" }));
    await arrives(idOf(1));
    const nothing = sha256(manifestText({ stdoutSha256: sha256(""), stdoutBytes: 0, files: [] }));
    expect(kept.get(idOf(1))).toMatchObject({
      outcome: "refused",
      end: "cannot-run",
      result_hash: nothing,
      stdout: "",
    });
  });

  test("results of an earlier run of the agent are found without being told", async () => {
    const { start, arrives } = world({ [idOf(1)]: runOf("before") });
    start();
    expect(await arrives(idOf(1))).toBe(true);
  });

  test("three hundred travel in batches of at most a hundred, each once", async () => {
    const ids = Array.from({ length: 300 }, (_, n) => idOf(n + 1));
    const { start, posts, arrives } = world(Object.fromEntries(ids.map((id) => [id, runOf(id)])));
    start();
    expect(await arrives(...ids)).toBe(true);
    expect(posts.map(({ results }) => results.length)).toEqual([100, 100, 100]);
  });

  test("large ones are spread so that no request grows over what the broker takes", async () => {
    const ids = [1, 2, 3, 4].map(idOf);
    const { start, posts, arrives } = world(Object.fromEntries(ids.map((id) => [id, runOf("x".repeat(500_000))])));
    start();
    expect(await arrives(...ids)).toBe(true);
    for (const post of posts) expect(JSON.stringify(post).length).toBeLessThan(1.6 * 1024 * 1024);
  });

  test("and what is left when the agent stops", async () => {
    const { start, results, arrives } = world();
    const sender = start();
    await pause(20);
    results.set(idOf(1), runOf("quietly")); // without a call
    await sender.stop();
    expect(await arrives(idOf(1))).toBe(true);
  });
});

describe("a broker that is away, or refuses", () => {
  test("is asked again until it is back, and then gets everything once", async () => {
    const { start, end, arrives, posts, broker } = world();
    start();
    const troubles = [new BrokerError("gone", undefined, undefined), refusal(500), refusal(429), refusal(401)];
    for (const [n, throws] of troubles.entries()) {
      broker.throws = throws;
      const before = posts.length;
      end(idOf(n + 1), runOf("kept"));
      await until(() => posts.length > before + 2, 5000);
    }
    broker.throws = undefined;
    expect(await arrives(idOf(1), idOf(2), idOf(3), idOf(4))).toBe(true);
    const sent = posts.length;
    await pause(50);
    expect(posts.length).toBe(sent);
  });

  test("a slow one gets no second request beside the first, and what came meanwhile goes together after it", async () => {
    const { start, end, arrives, posts, broker } = world();
    broker.delayMs = 100;
    start();
    end(idOf(1), runOf("1"));
    await until(() => posts.length === 1, 5000, 2);
    for (const n of [2, 3, 4]) end(idOf(n), runOf(String(n)));
    expect(await arrives(idOf(4))).toBe(true);
    expect(posts.map(({ results }) => results.length)).toEqual([1, 3]);
  });

  test("late and refused are answers: nothing of these is sent again", async () => {
    for (const status of ["late", "refused"] as const) {
      const { start, end, posts, broker } = world();
      broker.status = () => status;
      start();
      end(idOf(1), runOf("unwanted"));
      await until(() => posts.length > 0, 5000);
      end(idOf(2), runOf("unwanted"));
      await until(() => posts.length > 1, 5000);
      await pause(30);
      expect(posts.map(({ results }) => results.map(({ execution_id: id }) => id))).toEqual([[idOf(1)], [idOf(2)]]);
    }
  });

  test("what an answer leaves out is sent again, until the execution is gone from here", async () => {
    const { start, end, posts, results, broker } = world();
    broker.status = () => undefined;
    start();
    end(idOf(1), runOf("ignored"));
    await until(() => posts.length > 3, 5000);
    results.delete(idOf(1));
    await pause(30);
    const sent = posts.length;
    await pause(50);
    expect(posts.length).toBe(sent);
  });

  test("one result that it cannot read holds up none of the others", async () => {
    const ids = [1, 2, 3].map(idOf);
    const { start, arrives, broker, kept } = world(Object.fromEntries(ids.map((id) => [id, runOf(id)])));
    broker.unreadable = idOf(1);
    start();
    expect(await arrives(idOf(2), idOf(3))).toBe(true);
    expect(kept.has(idOf(1))).toBe(false);
  });

  test("two agents with the same results deliver the very same words", async () => {
    const { start, posts, results } = world();
    results.set(idOf(1), runOf("twice"));
    start();
    start();
    await until(() => posts.length === 2, 5000);
    expect(posts[0]?.results).toEqual(posts[1]?.results);
  });
});
