// What runs on a played agent: nothing. It answers `sha256sum` from its input, or does what machines should not do.
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { FinishedRun } from "../../../agent/runtimes/finished-run.ts";
import type { Runtime } from "../../../agent/runtimes/runtime.ts";
import type { AnySpec, BatchSpec } from "../../../domain/execution/spec.ts";
import type { ExecutionId } from "../../../domain/ids.ts";
import type { ExecutionReport } from "../../../protocol/agent.ts";

export const ROLES = ["honest", "slow", "liar", "copier", "hanger"] as const;
export type Role = (typeof ROLES)[number];

/** As real agents tell news: late, because nothing waits for it. */
const NEWS_MS = 1_000;
const SLOW_MS = 4_000;
/** How long a copier looks for somebody's result before it guesses. */
const PEEKS_MS = 3_000;
const PEEK_EVERY_MS = 100;

/** What `sha256sum` prints of its stdin. */
export function sha256sum(input: string): string {
  return `${createHash("sha256").update(input).digest("hex")}  -\n`;
}

/** Looks for what another machine delivered for the same job, as long as this one's own execution counts. */
export type Peek = (spec: BatchSpec) => Promise<string | undefined>;

interface Run {
  readonly startedAt: Date;
  readonly forgotten: AbortController;
  report: ExecutionReport;
  finish: FinishedRun | null;
}

export function playedRuntime(role: Role, peek: Peek): Runtime {
  const runs = new Map<ExecutionId, Run>();
  let tellNews = () => {};
  let tellResult = (_id: ExecutionId) => {};
  let timer: NodeJS.Timeout | undefined;

  function newsLater(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      tellNews();
    }, NEWS_MS);
  }

  async function stdoutOf(spec: BatchSpec, signal: AbortSignal): Promise<string> {
    const right = sha256sum(spec.inputData);
    if (role === "hanger") return new Promise(() => {});
    if (role === "copier") return (await peekFor(spec, signal)) ?? sha256sum(randomBytes(16).toString("hex"));
    await sleep(role === "slow" ? SLOW_MS : 50 + Math.random() * 450, undefined, { signal });
    return role === "liar" ? sha256sum(`a lie about ${right}`) : right;
  }

  async function peekFor(spec: BatchSpec, signal: AbortSignal): Promise<string | undefined> {
    for (const until = Date.now() + PEEKS_MS; Date.now() < until; await sleep(PEEK_EVERY_MS, undefined, { signal })) {
      const seen = await peek(spec).catch(() => undefined); // the broker may be away
      if (seen !== undefined) return seen;
    }
    return undefined;
  }

  async function play(id: ExecutionId, spec: BatchSpec, run: Run): Promise<void> {
    const stdout = Buffer.from(await stdoutOf(spec, run.forgotten.signal));
    const now = new Date();
    run.finish = {
      ...{ outcome: "completed", end: null, detail: "", exitCode: 0, stdout, stderr: Buffer.alloc(0), files: [] },
      ...{ runMs: now.getTime() - run.startedAt.getTime(), startedAt: run.startedAt },
    };
    run.report = { id, state: "ended", exit_code: 0, cause: "exited", detail: "", ended_at: now.toISOString() };
    tellResult(id);
    newsLater();
  }

  return {
    sandboxed: true,
    list: () => [...runs.values()].map(({ report }) => report),
    async apply(spec: AnySpec) {
      const { id } = spec;
      if (spec.kind !== "batch" || runs.has(id)) return;
      const startedAt = new Date();
      const report = { id, state: "running" as const, started_at: startedAt.toISOString() };
      const run: Run = { startedAt, forgotten: new AbortController(), report, finish: null };
      runs.set(id, run);
      newsLater();
      void play(id, spec, run).catch(() => {}); // it was forgotten
    },
    result: async (id) => runs.get(id)?.finish ?? null,
    async remove(id) {
      runs.get(id)?.forgotten.abort();
      runs.delete(id);
      newsLater();
    },
    stopAll: async () => {},
    log: async () => null,
    onNews(listener) {
      tellNews = listener;
    },
    onResult(listener) {
      tellResult = listener;
    },
    close: () => clearTimeout(timer),
  };
}
