// An execution of a batch job in a container: input in, output out, judged as every runtime judges it.
import { chmod } from "node:fs/promises";
import type { BatchEnd } from "../../../domain/execution/batch-state.ts";
import type { BatchSpec, EndCause } from "../../../domain/execution/spec.ts";
import { MAX_RESULT_BYTES, MAX_STDERR_BYTES } from "../../../domain/job/batch.ts";
import { rest } from "../../pace.ts";
import { type FinishedRun, finish, refused, type Shortfall, tooLarge } from "../finished-run.ts";
import { create, ended, endedSoon, haveNetwork, kill, look, NotBegun, type Seen, start } from "./container.ts";
import { diskFull, logTooLarge } from "./disk.ts";
import { type Engine, openStdin, openStream, within } from "./engine.ts";
import { countdown, type Execution, type Ground } from "./execution.ts";
import { type Capture, capture, readFrames } from "./frames.ts";
import { haveImage, ImageError } from "./image.ts";
import { askWhoKilled } from "./killed.ts";
import { batchContainer, MOST_LOG_BYTES, WORK_DIR } from "./options.ts";
import { collectOutput } from "./output.ts";
import { endedState, isMarked, mark, readCut, writeCut, writeRun } from "./records.ts";

/** The broker stops waiting at the deadline; this is for when it cannot be heard. */
const PAST_DEADLINE_MS = 60_000;
/** An end that nobody saw may have been late for its timeout by what the engine needs to kill. */
const LATE_MS = 5000;
/** For reading what a program wrote that was ended: there is no result to miss. */
const TELL_MS = 5000;
const READ_ALONG_AFTER_MS = 1000;
/** 128 and SIGXFSZ: a file larger than its disk. */
const FILE_TOO_LARGE = 153;

/** Takes it on from wherever it is. Resolves when it ended; throws where the engine went away. */
export async function passBatch(x: Execution, spec: BatchSpec, ground: Ground, engine: Engine, signal: AbortSignal) {
  let feeding: Feeding | undefined;
  try {
    let seen = await look(engine, x.id);
    if (!seen && (await isMarked(x.dir, "started")))
      return await settle(x, ground, lost("Its container was taken away."));
    seen ??= await make(x, spec, ground, engine, signal);
    if (seen.stage === "created") {
      feeding = await begin(x, spec, engine, seen);
      seen = (await look(engine, x.id)) ?? seen;
    } else if (spec.inputData !== "" && !(await isMarked(x.dir, "fed"))) {
      await cutOff(x, engine, {
        end: "infrastructure",
        detail: "The agent or its engine ended while it was given its input.",
      });
    }
    if (seen.stage === "running") {
      const since = new Date((seen.startedAt?.getTime() ?? Date.now()) + x.order.brokerAheadMs).toISOString();
      await ground.setState(x, { phase: "running", since });
      const cut = await watch(x, spec, engine, seen, feeding, signal);
      if (signal.aborted) return;
      if (cut) await cutOff(x, engine, cut);
    }
    seen = await look(engine, x.id);
    if (seen?.stage === "running") return; // not yet: the next pass looks again
    if (feeding) await mark(x.dir, "fed"); // it ended with what it wanted to read
    await settle(x, ground, seen ? await judge(x, spec, engine, seen) : lost("Its container was taken away."));
  } catch (error) {
    if (error instanceof ImageError) return settle(x, ground, refused({ end: error.trouble, detail: error.message }));
    if (!(error instanceof NotBegun)) throw error;
    await settle(x, ground, await notBegun(error));
  } finally {
    feeding?.stop();
  }
}

async function make(x: Execution, spec: BatchSpec, ground: Ground, engine: Engine, signal: AbortSignal): Promise<Seen> {
  const facts = await haveImage(engine, spec.image, spec.registryLogin, signal);
  if (spec.network) await haveNetwork(engine);
  await create(engine, batchContainer(spec, facts, ground.maker(engine)));
  const seen = await look(engine, x.id);
  if (!seen) throw new Error("a container that was made is not there");
  // A folder that only the volume brought belongs to root, and images have users of their own.
  if (seen.workSource && seen.workingDir === WORK_DIR) await chmod(seen.workSource, 0o1777).catch(() => undefined);
  return seen;
}

/** Input on its way into a container: a program may take its time to read it, or never read it. */
interface Feeding {
  /** Resolves when all of it is in, or when nobody reads on; rejects where the engine went away. */
  readonly over: Promise<void>;
  stop(): void;
}

async function begin(x: Execution, spec: BatchSpec, engine: Engine, seen: Seen): Promise<Feeding | undefined> {
  const stdin = spec.inputData === "" ? undefined : await openStdin(engine, seen.id);
  stdin?.on("error", () => undefined); // told by `close`
  stdin?.resume();
  await mark(x.dir, "started");
  try {
    await start(engine, seen);
  } catch (error) {
    stdin?.destroy();
    throw error;
  }
  if (!stdin) return undefined;
  const whole = new Promise<boolean>((resolve) => {
    stdin.once("close", () => resolve(false));
    stdin.end(spec.inputData, () => resolve(true));
  });
  let stopped = false;
  const fed = async () => {
    // A program may end without having read everything; where the engine ended, nobody knows what it read.
    if (!(await whole) && !stopped) await within(engine.docker.ping());
    if (!stopped) await mark(x.dir, "fed");
  };
  const over = fed();
  over.catch(() => undefined); // told to who watches
  return {
    over,
    stop() {
      stopped = true;
      stdin.destroy(); // Docker leaves it open when its program has ended
    },
  };
}

/** @returns why it has to be ended; undefined where it ended by itself, or where nobody is to watch any more */
async function watch(
  x: Execution,
  spec: BatchSpec,
  engine: Engine,
  seen: Seen,
  feeding: Feeding | undefined,
  signal: AbortSignal,
): Promise<Shortfall | undefined> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  try {
    return await Promise.race([
      endedSoon(engine, x.id, seen, both).then(() => undefined),
      ...(feeding ? [feeding.over.then(() => new Promise<undefined>(() => undefined))] : []),
      tooLong(x, spec, seen, both),
      tooMuch(engine, seen, both),
      logTooLarge(seen.logPath, both),
      diskFull(seen.workSource, spec.diskGb, both),
    ]);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    over.abort();
  }
}

async function tooLong(x: Execution, spec: BatchSpec, seen: Seen, signal: AbortSignal): Promise<Shortfall | undefined> {
  const startedMs = seen.startedAt?.getTime() ?? Date.now();
  const lastMs = Date.parse(spec.deadline) - x.order.brokerAheadMs + PAST_DEADLINE_MS;
  const timeoutMs = spec.timeoutSeconds * 1000;
  const left = countdown(Math.min(startedMs + timeoutMs, lastMs, Date.now() + timeoutMs));
  while (left() > 0 && !signal.aborted) await rest(Math.min(left(), 2 ** 31 - 1), signal);
  return signal.aborted ? undefined : timedOut(spec);
}

const timedOut = ({ timeoutSeconds }: BatchSpec): Shortfall => ({
  end: "timed-out",
  detail: `It ran for more than ${timeoutSeconds} s.`,
});

/** Reads along what it writes, only to end what writes without end: most have ended before that begins. */
async function tooMuch(engine: Engine, seen: Seen, signal: AbortSignal): Promise<Shortfall | undefined> {
  await rest(READ_ALONG_AFTER_MS, signal);
  if (signal.aborted) return undefined;
  const seenSoFar = capture(0, 0);
  const over = await readLog(engine, seen, seenSoFar, true, signal);
  if (over) return over;
  return new Promise(() => undefined); // that it ended, the engine says itself
}

async function readLog(
  engine: Engine,
  seen: Seen,
  into: Capture,
  follow: boolean,
  signal: AbortSignal,
): Promise<Shortfall | undefined> {
  const query = { stdout: 1, stderr: 1, follow: follow ? 1 : 0 };
  const stop = new AbortController();
  const ask = { method: "GET", path: `/containers/${seen.id}/logs`, query } as const;
  const log = await openStream(engine, { ...ask, signal: AbortSignal.any([signal, stop.signal]) });
  const frames = readFrames(into.take);
  try {
    for await (const chunk of log) {
      frames(chunk);
      if (into.stdoutBytes() > MAX_RESULT_BYTES) return tooLarge();
      if (into.total() > MOST_LOG_BYTES)
        return { end: "too-large", detail: `It wrote more than ${MOST_LOG_BYTES / 2 ** 20} MiB to its streams.` };
    }
    return undefined;
  } finally {
    stop.abort();
  }
}

/** Ends it for a reason that is known from here on, whatever happens to this agent. */
async function cutOff(x: Execution, engine: Engine, cut: Shortfall): Promise<void> {
  if (!(await readCut(x.dir))) await writeCut(x.dir, cut);
  await kill(engine, x.id);
  const seen = await look(engine, x.id);
  if (seen?.stage === "running") await ended(engine, seen, AbortSignal.timeout(30_000));
}

async function judge(x: Execution, spec: BatchSpec, engine: Engine, seen: Seen): Promise<FinishedRun> {
  const written = capture(MAX_RESULT_BYTES + 1, MAX_STDERR_BYTES);
  const cut = await readCut(x.dir);
  const over = cut
    ? await readLog(engine, seen, written, false, AbortSignal.timeout(TELL_MS)).catch(() => undefined)
    : await readLog(engine, seen, written, false, new AbortController().signal);
  const startedMs = seen.startedAt?.getTime();
  const runMs = startedMs === undefined ? 0 : Math.max(0, Math.round((seen.finishedAt?.getTime() ?? 0) - startedMs));
  const { brokerAheadMs } = x.order;
  const run = {
    ...{ exitCode: seen.exitCode, runMs, stdout: written.stdout(), stderr: written.stderr() },
    startedAt: startedMs === undefined ? null : new Date(startedMs + brokerAheadMs),
    cut: cut ?? over ?? (await whyItEnded(spec, engine, seen, runMs)),
  };
  return finish(run, (budget) => collectOutput(engine, seen.id, seen.workingDir, spec.files, budget));
}

/** What the engine knows of an end besides its exit code. */
async function whyItEnded(spec: BatchSpec, engine: Engine, seen: Seen, runMs: number): Promise<Shortfall | undefined> {
  const end = await askWhoKilled(engine, seen);
  if (end === "out-of-memory") return { end, detail: `It needed more than its ${spec.memoryMb} MB of memory.` };
  if (seen.exitCode === FILE_TOO_LARGE)
    return { end: "out-of-disk", detail: `It wrote a file larger than its ${spec.diskGb} GB of disk.` };
  if (runMs > spec.timeoutSeconds * 1000 + LATE_MS) return timedOut(spec);
  return end
    ? { end, detail: "It was killed from outside: neither by itself, nor for its memory, nor by this agent." }
    : undefined;
}

function lost(detail: string): FinishedRun {
  const empty = Buffer.alloc(0);
  return {
    ...{ outcome: "failed", end: "infrastructure", detail, exitCode: null, runMs: 0, startedAt: null },
    ...{ stdout: empty, stderr: empty, files: [] },
  };
}

/** A program that is not in the image is the job's own fault, as it would be in a shell. */
async function notBegun({ why, message, exitCode }: NotBegun): Promise<FinishedRun> {
  if (why !== "unfit-image" || exitCode === null)
    return refused({ end: why === "unfit-image" ? "start-failed" : why, detail: message });
  const stderr = Buffer.from(`${message}\n`);
  const run = { exitCode, runMs: 0, startedAt: null, stdout: Buffer.alloc(0), stderr };
  return finish(run, async () => []);
}

const CAUSES: Partial<Record<BatchEnd, EndCause>> = {
  "timed-out": "deadline",
  "out-of-memory": "out-of-memory",
  "out-of-disk": "out-of-disk",
  "image-not-found": "image-not-found",
  "image-denied": "image-denied",
  "start-failed": "start-failed",
  "cannot-run": "start-failed",
  infrastructure: "killed",
};

export async function settle(x: Execution, ground: Ground, run: FinishedRun): Promise<void> {
  await writeRun(x.dir, run);
  const cause = run.end === null ? "exited" : (CAUSES[run.end] ?? "exited");
  const detail = run.detail === "" ? "It ended with exit code 0." : run.detail;
  await ground.setState(x, endedState(cause, detail, run.exitCode, new Date()));
}

/** Ends it for a reason from outside: the agent is told to end everything. */
export async function stopBatch(x: Execution, ground: Ground, engine: Engine, detail: string): Promise<void> {
  await cutOff(x, engine, { end: "infrastructure", detail });
  await settle(x, ground, lost(detail));
}
