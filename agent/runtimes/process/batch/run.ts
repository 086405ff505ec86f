// One batch execution as this agent knows it: how what is left of it is ended, judged, told, and read again.
import { existsSync, type FSWatcher } from "node:fs";
import { delimiter, join } from "node:path";
import type { BatchSpec } from "../../../../domain/execution/spec.ts";
import type { ExecutionId } from "../../../../domain/ids.ts";
import type { ExecutionReport } from "../../../../protocol/agent.ts";
import { until } from "../../../processes.ts";
import { collectFiles, type FinishedRun, finish, refused, type Shortfall } from "../../finished-run.ts";
import type { Order } from "../execution-dir.ts";
import { plainRoom } from "../plain.ts";
import { SYSTEM_PATH } from "../sandbox.ts";
import { batchFiles, type Finish, readBytes } from "./batch-dir.ts";
import { howItEnded, noProgram } from "./end.ts";
import { inSession, isInit, killRun, readWords, uptime, type Words } from "./runner.ts";

const KILL_PATIENCE_MS = 9000;

export type BatchOrder = Order & { readonly spec: Extract<Order["spec"], { kind: "batch" }> };

export function isBatchOrder(order: Order): order is BatchOrder {
  return order.spec.kind === "batch";
}

export interface Run {
  readonly id: ExecutionId;
  readonly dir: string;
  readonly order: BatchOrder;
  words: Words | undefined;
  finish: Finish | undefined;
  watcher: FSWatcher | undefined;
  /** when the runner that this agent started was gone, on the monotonic clock */
  exitedMs: number | undefined;
  /** resolved where this agent started no runner, or that one is gone */
  runnerGone: Promise<void>;
  looking: Promise<void> | undefined;
  lookAgain: boolean;
  concluding: Promise<void> | undefined;
  preparing: Promise<void>;
  removing: boolean;
}

/** Kills what is left of it. @returns whether all of it is gone */
export async function endAll(run: Run): Promise<boolean> {
  const { words, order } = run;
  if (!words) return true;
  const gone = async () => {
    if (words.ended ? words.init && (await isInit(words.init)) : inSession(words)) {
      await killRun(words);
      return false;
    }
    // What bubblewrap has let go is known once bubblewrap itself is gone, not before.
    const { init } = (await readWords(run.dir)) ?? words;
    if (!init || !(await isInit(init))) return true;
    await killRun({ ...words, init });
    return false;
  };
  const ended = await until(gone, KILL_PATIENCE_MS, 5);
  if (!order.sandboxed) await plainRoom(batchFiles(run.dir).home).end(0);
  return ended;
}

/** What its last words and what it left come to. */
export async function judge(run: Run, cut: Shortfall | undefined): Promise<FinishedRun> {
  const { dir, words, order } = run;
  const files = batchFiles(dir);
  const [stdout, stderr] = await Promise.all([readBytes(files.stdout), readBytes(files.stderr)]);
  const around = { spec: order.spec, sandboxed: order.sandboxed, stderr: stderr.toString(), cut, upNow: uptime() };
  const how = howItEnded(words, around);
  if (how.refused) return refused(how.refused);
  const startedAt = words ? new Date(words.startedAt.getTime() + order.brokerAheadMs) : null;
  return finish({ ...how, stdout, stderr, startedAt }, (budget) => collectFiles(files.home, order.spec.files, budget));
}

/** What `judge` said, with what it left: nothing of that changes any more. */
export async function readAgain({ dir, order }: Run, known: Finish): Promise<FinishedRun> {
  const { outcome, end, detail, exitCode, runMs } = known;
  if (outcome === "refused" && end) return refused({ end, detail });
  const files = batchFiles(dir);
  const [stdout, stderr] = await Promise.all([readBytes(files.stdout), readBytes(files.stderr)]);
  const startedAt = known.startedAt === null ? null : new Date(known.startedAt);
  const ended = { exitCode, runMs, startedAt, stdout, stderr, cut: end ? { end, detail } : undefined };
  return finish(ended, (budget) => collectFiles(files.home, order.spec.files, budget));
}

/** Without a sandbox nobody says apart whether a program is missing or ended with 127. */
export function notHere({ command, env }: BatchSpec): Shortfall | undefined {
  const [program = ""] = command;
  const places = program.includes("/") ? [""] : (env.PATH ?? SYSTEM_PATH).split(delimiter);
  return places.some((place) => existsSync(join(place, program))) ? undefined : noProgram(program);
}

export function toReport({ id, order, words, finish }: Run): ExecutionReport {
  if (finish) {
    const { exitCode, detail, endedAt, end } = finish;
    const cause = end === "start-failed" ? "start-failed" : "exited";
    return { id, state: "ended", exit_code: exitCode, cause, detail, ended_at: endedAt };
  }
  if (!words) return { id, state: "starting" };
  return { id, state: "running", started_at: new Date(words.startedAt.getTime() + order.brokerAheadMs).toISOString() };
}
