// Delivers what batch executions came to, apart from the beats and at once: the verdict waits for it. What the broker has
// not answered is sent again for as long as the execution is here; the runtime keeps it, over restarts too.
import { createHash } from "node:crypto";
import { type ExecutionId, isId, type ProviderId } from "../domain/ids.ts";
import { manifestText } from "../domain/verification/manifest.ts";
import { type ResultReport, resultText } from "../protocol/results.ts";
import { type BrokerClient, BrokerError } from "./broker-client.ts";
import type { Identity } from "./identity.ts";
import type { Log } from "./log.ts";
import { type Backoff, createPace, rest } from "./pace.ts";
import type { FinishedRun } from "./runtimes/finished-run.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import { startSending } from "./sending.ts";
import type { Sequence } from "./sequence.ts";

const MOST_RESULTS = 100;
const MOST_BYTES = 1.5 * 1024 * 1024;
/** What the adoption of an earlier run's results, or a lost call, is caught up by. */
const LOOK_EVERY_MS = 5000;
const TROUBLE: Backoff = { firstMs: 500, capMs: 30_000 };
/** Of one result that the broker refuses to read: nothing that waits behind it is held up. */
const UNREADABLE_AGAIN_MS = 60_000;

export interface ResultSenderDeps {
  readonly broker: Pick<BrokerClient, "reportResults">;
  readonly providerId: ProviderId;
  readonly identity: Pick<Identity, "sign">;
  readonly runtime: Pick<Runtime, "list" | "result" | "onResult">;
  readonly sequence: Pick<Sequence, "next">;
  readonly log: Log;
  /** Only tests say otherwise. */
  readonly trouble?: Backoff;
  readonly lookEveryMs?: number;
}

/** Sends until stopped, and at the stop what is left, as far as that goes quickly. */
export function startSendingResults(deps: ResultSenderDeps): { stop(): Promise<void> } {
  const { broker, providerId, identity, runtime, sequence, log } = deps;
  const { trouble = TROUBLE, lookEveryMs = LOOK_EVERY_MS } = deps;
  /** What the broker has answered for good. */
  const settled = new Set<ExecutionId>();
  /** When what the broker could not read is tried again, alone; on the monotonic clock. */
  const unreadable = new Map<ExecutionId, number>();
  const pace = createPace();
  let woken = new AbortController();
  runtime.onResult(() => woken.abort());

  /** What is here, has ended and waits for an answer, in the order of the ids: the oldest first. */
  function waiting(): ExecutionId[] {
    const here = new Set(
      runtime.list().flatMap(({ id, state }) => (state === "ended" && isId("exec", id) ? [id] : [])),
    );
    for (const id of settled) if (!here.has(id)) settled.delete(id);
    for (const id of unreadable.keys()) if (!here.has(id)) unreadable.delete(id);
    return [...here].filter((id) => !settled.has(id)).sort();
  }

  async function reportOf(id: ExecutionId): Promise<ResultReport | undefined> {
    try {
      const run = await runtime.result(id);
      if (run) return toReport(id, run, identity);
      settled.add(id); // a rental, or gone in between
    } catch (error) {
      log.error({ err: error, execution: id }, "its result cannot be read on this machine");
      unreadable.set(id, performance.now() + UNREADABLE_AGAIN_MS);
    }
    return undefined;
  }

  /** One batch as full as it may be. @returns empty where nothing waits */
  async function gather(): Promise<ResultReport[]> {
    const batch: ResultReport[] = [];
    let bytes = 0;
    for (const id of waiting()) {
      const again = unreadable.get(id);
      if (again !== undefined && (again > performance.now() || batch.length > 0)) continue;
      const report = await reportOf(id);
      if (!report) continue;
      const size = Buffer.byteLength(JSON.stringify(report));
      if (batch.length > 0 && bytes + size > MOST_BYTES) break;
      batch.push(report);
      bytes += size;
      if (batch.length >= MOST_RESULTS || again !== undefined) break;
    }
    return batch;
  }

  /** @throws BrokerError */
  async function send(batch: readonly ResultReport[], signal: AbortSignal): Promise<void> {
    const answers = await deliver(batch, signal);
    for (const { execution_id: id, status, detail } of answers) {
      if (!isId("exec", id) || !batch.some((report) => report.execution_id === id)) continue;
      settled.add(id);
      unreadable.delete(id);
      if (status === "accepted") log.info({ execution: id }, "result delivered");
      else log.warn({ execution: id, status, detail }, "the broker does not take this result");
    }
    const left = batch.filter(({ execution_id: id }) => isId("exec", id) && !settled.has(id));
    if (left.length > 0) throw new Error(`the broker said nothing about ${left.length} of ${batch.length} results`);
  }

  async function deliver(batch: readonly ResultReport[], signal: AbortSignal) {
    try {
      const report = { seq: await sequence.next(), results: [...batch] };
      return (await broker.reportResults(providerId, report, signal)).results;
    } catch (error) {
      const unread = error instanceof BrokerError && (error.status === 400 || error.status === 413);
      if (!unread) throw error;
      // One that the broker cannot read spoils what travels with it: each goes alone from now on.
      for (const { execution_id: id } of batch)
        if (isId("exec", id)) unreadable.set(id, batch.length > 1 ? 0 : performance.now() + UNREADABLE_AGAIN_MS);
      log.error({ err: error, results: batch.length }, "the broker cannot read results of this machine");
      return [];
    }
  }

  return startSending({
    round: async (signal) => {
      woken = new AbortController(); // from here on a result wakes: what is read below may be old already
      const batch = await gather();
      if (batch.length === 0) {
        await rest(lookEveryMs, AbortSignal.any([signal, woken.signal]));
        return;
      }
      await send(batch, signal);
      await pace.take(signal); // what ends until then travels together
    },
    farewell: async (signal) => {
      for (let batch = await gather(); batch.length > 0 && !signal.aborted; batch = await gather())
        await send(batch, signal);
    },
    ...{ trouble, retry: { leastMs: 20, mostMs: 60_000 }, log },
    away: "results are not delivered now; they are kept here and sent again",
  });
}

/** What a result is on the wire, signed by this machine. The same run gives the same report. */
export function toReport(id: ExecutionId, run: FinishedRun, identity: Pick<Identity, "sign">): ResultReport {
  const hash = sha256(
    manifestText({
      stdoutSha256: sha256(run.stdout),
      stdoutBytes: run.stdout.length,
      files: run.files.map(({ path, content }) => ({ path, sha256: sha256(content), bytes: content.length })),
    }),
  );
  return {
    execution_id: id,
    ...{ outcome: run.outcome, end: run.end, detail: run.detail },
    ...{ exit_code: run.exitCode, run_ms: run.runMs, started_at: run.startedAt?.toISOString() ?? null },
    ...{ stdout: run.stdout.toString("base64"), stderr: run.stderr.toString("base64") },
    files: run.files.map(({ path, content }) => ({ path, content: content.toString("base64") })),
    result_hash: hash,
    signature: identity.sign(resultText(id, hash)),
  };
}

function sha256(bytes: Buffer | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
