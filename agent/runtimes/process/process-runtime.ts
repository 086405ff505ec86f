// The `process` runtime: every execution is a directory and a detached supervisor. This side starts, watches, adopts,
// stops and forgets them; it may die at any moment without harm to what runs.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, type FSWatcher, openSync, watch } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { EndCause } from "../../../domain/execution/spec.ts";
import { type ExecutionId, isId } from "../../../domain/ids.ts";
import type { ExecutionReport } from "../../../protocol/agent.ts";
import { isErrno, readText } from "../../files.ts";
import type { Log } from "../../log.ts";
import { isAlive, onlyThese, signal, trySignal, until } from "../../processes.ts";
import { SpecShape } from "../../spec.ts";
import { createLastWords } from "../last-words.ts";
import type { Runtime } from "../runtime.ts";
import { createBatchRuns } from "./batch/batch-runs.ts";
import { isBatchOrder } from "./batch/run.ts";
import {
  claim,
  ended,
  executionFiles,
  type Order,
  readOrder,
  readState,
  type State,
  writeOrder,
  writeState,
  writeStop,
} from "./execution-dir.ts";
import { plainRoom } from "./plain.ts";
import { openWorkspaceLog, readWorkspaceLog } from "./workspace-log.ts";

const LOOK_EVERY_MS = 1000;
const STOP_PATIENCE_MS = 9000; // the supervisor's own grace is 5 s
/** How long a supervisor may take from its start to its first word. */
const FIRST_WORD_MS = 20_000;

export interface ProcessRuntimeOptions {
  /** Directory of the executions; made if absent. */
  readonly root: string;
  /** The address customers reach this machine on. */
  readonly publicHost: string;
  readonly sandboxed: boolean;
  /** Command that, with a directory as its last argument, supervises it. */
  readonly supervisor: readonly string[];
  readonly log: Log;
}

interface Execution {
  readonly id: ExecutionId;
  readonly dir: string;
  /** When this agent began to watch it, on the monotonic clock. */
  readonly sinceMs: number;
  order: Order;
  state: State | undefined;
  child: ChildProcess | undefined;
  watcher: FSWatcher | undefined;
  /** Looks run one after the other. */
  looking: Promise<void>;
  removing: Promise<void> | undefined;
}

/** Opens the directory and takes over what an earlier run left: living executions are watched, dead ones told as ended. */
export async function openProcessRuntime(options: ProcessRuntimeOptions): Promise<Runtime> {
  const { root, publicHost, sandboxed, supervisor, log } = options;
  const executions = new Map<ExecutionId, Execution>();
  const lastWords = createLastWords();
  let closed = false;
  let news: () => void = () => undefined;
  let gotResult: (id: ExecutionId) => void = () => undefined;
  const batch = createBatchRuns({ root, log, onNews: () => news(), onResult: (id) => gotResult(id) });

  function track(id: ExecutionId, order: Order): Execution {
    const dir = join(root, id);
    const execution: Execution = {
      ...{ id, dir, order, sinceMs: performance.now(), looking: Promise.resolve() },
      ...{ state: undefined, child: undefined, watcher: undefined, removing: undefined },
    };
    executions.set(id, execution);
    execution.watcher = watch(dir, () => void look(execution));
    execution.watcher.on("error", () => undefined); // the regular look sees it too, only later
    return execution;
  }

  /** Reads the state again and finds out whether it is still true. */
  function look(execution: Execution): Promise<void> {
    execution.looking = execution.looking
      .then(() => lookOnce(execution))
      .catch((error: unknown) => {
        log.warn({ err: error, execution: execution.id }, "cannot read the state");
      });
    return execution.looking;
  }

  async function lookOnce(execution: Execution): Promise<void> {
    if (closed || execution.state?.phase === "ended" || !executions.has(execution.id)) return;
    let state = await readState(execution.dir);
    if (state && state.phase !== "ended" && !isAlive(state.supervisor)) {
      const dead = state;
      state = await readState(execution.dir); // it may have ended properly since
      if (state?.phase !== "ended") state = await settle(execution, dead, "killed", "The process that ran it is gone.");
    }
    if (!state && silentForGood(execution) && (await claim(execution.dir))) {
      const words = await supervisorWords(execution.dir);
      state = await settle(execution, undefined, "start-failed", `The supervisor did not start. ${words}`.trim());
    }
    if (JSON.stringify(state) === JSON.stringify(execution.state)) return;
    execution.state = state;
    log.info({ execution: execution.id, ...state }, "execution");
    news();
  }

  /** Writes the end of an execution whose supervisor is dead, once nothing of it is left. */
  async function settle(
    execution: Execution,
    last: State | undefined,
    cause: EndCause,
    detail: string,
  ): Promise<State> {
    const sandbox = last?.phase === "ready" ? last.sandbox : null;
    if (sandbox) {
      signal(sandbox, "SIGKILL"); // the kernel takes all the rest of the sandbox with it
      await until(() => !isAlive(sandbox), STOP_PATIENCE_MS);
    }
    if (!execution.order.sandboxed) await plainRoom(executionFiles(execution.dir).home).end(0);
    const state = ended(cause, detail, null, new Date());
    openWorkspaceLog(executionFiles(execution.dir).log)(`The workspace ended: ${detail}`);
    await writeState(execution.dir, state);
    return state;
  }

  function launch(execution: Execution): void {
    const [file = process.execPath, ...args] = supervisor;
    const logFile = openSync(executionFiles(execution.dir).supervisorLog, "a", 0o600);
    const child = spawn(file, [...args, execution.dir], {
      detached: true,
      stdio: ["ignore", logFile, logFile],
      env: onlyThese({ PATH: process.env.PATH ?? "/usr/bin:/bin" }),
    });
    closeSync(logFile);
    child.on("error", () => void look(execution));
    child.on("exit", () => void look(execution));
    child.unref();
    execution.child = child;
  }

  /** After this nothing of the execution runs, and its state is `ended`. */
  async function stop(execution: Execution, cause: EndCause, detail: string): Promise<void> {
    await look(execution);
    if (!execution.state && !(await claim(execution.dir))) {
      // A supervisor has begun and said nothing yet: its first word tells whom to stop.
      await until(() => look(execution).then(() => execution.state !== undefined), FIRST_WORD_MS);
    }
    const { state } = execution;
    if (state?.phase === "ended") return;
    if (state) {
      await writeStop(execution.dir, { cause, detail });
      signal(state.supervisor, "SIGTERM");
      if (!(await until(() => !isAlive(state.supervisor), STOP_PATIENCE_MS))) signal(state.supervisor, "SIGKILL");
      await until(() => !isAlive(state.supervisor), STOP_PATIENCE_MS);
    } else if (execution.child?.pid !== undefined && execution.child.exitCode === null) {
      trySignal(execution.child.pid, "SIGKILL"); // without the claim it has nothing to end
    }
    if ((await readState(execution.dir))?.phase !== "ended") await settle(execution, state, cause, detail);
    await look(execution);
  }

  async function forget(execution: Execution): Promise<void> {
    try {
      await stop(execution, "killed", "The broker no longer wants it.");
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error; // its folder is gone: whoever removed that had stopped it
    }
    execution.watcher?.close();
    await lastWords.keep(execution.id, (offset) => readWorkspaceLog(executionFiles(execution.dir).log, offset));
    await removeTree(execution.dir);
    executions.delete(execution.id);
    log.info({ execution: execution.id }, "execution removed");
    news();
  }

  async function adopt(): Promise<void> {
    await mkdir(root, { recursive: true, mode: 0o700 });
    for (const name of await readdir(root)) {
      if (!isId("exec", name)) continue;
      try {
        const order = await readOrder(join(root, name));
        if (order && isBatchOrder(order)) await batch.adopt(name, order);
        else if (order) await look(track(name, order));
        else await removeTree(join(root, name)); // made, but never ordered: nothing can run there
      } catch (error) {
        log.error({ err: error, execution: name }, "cannot adopt");
      }
    }
  }

  await adopt();
  const timer = setInterval(() => {
    for (const execution of executions.values()) void look(execution);
  }, LOOK_EVERY_MS);
  timer.unref();

  return {
    sandboxed,
    list: () => [...[...executions.values()].map(({ id, state }) => toReport(id, state)), ...batch.list()],
    async apply(wish, brokerAheadMs) {
      const spec = SpecShape.parse(wish);
      if (spec.kind === "batch") return batch.apply({ spec, brokerAheadMs, publicHost, sandboxed });
      const known = executions.get(spec.id);
      if (known) {
        if (known.removing || JSON.stringify(known.order.spec) === JSON.stringify(spec)) return;
        known.order = { ...known.order, spec, brokerAheadMs };
        await writeOrder(known.dir, known.order); // its supervisor reads it again whenever it needs it
        return;
      }
      const order: Order = { spec, brokerAheadMs, publicHost, sandboxed };
      const dir = join(root, spec.id);
      await mkdir(executionFiles(dir).home, { recursive: true, mode: 0o700 });
      await writeOrder(dir, order);
      launch(track(spec.id, order));
      news();
    },
    async remove(id) {
      const left = await batch.remove(id);
      if (left !== null) {
        await removeTree(left);
        batch.forget(id);
      }
      const execution = executions.get(id);
      if (!execution) return;
      execution.removing ??= forget(execution).finally(() => {
        execution.removing = undefined; // after a failure the next answer asks again
      });
      await execution.removing;
    },
    async stopAll(cause, detail) {
      await Promise.all([
        batch.stopAll(detail),
        ...[...executions.values()].map((execution) => stop(execution, cause, detail)),
      ]);
    },
    async log(id, offset) {
      const execution = executions.get(id);
      if (execution) return readWorkspaceLog(executionFiles(execution.dir).log, offset);
      return lastWords.from(id, offset);
    },
    result: (id) => batch.result(id),
    onNews(listener) {
      news = listener;
    },
    onResult(listener) {
      gotResult = listener;
    },
    close() {
      closed = true; // a look that still waits for its turn writes nothing beside the next agent's
      clearInterval(timer);
      batch.close();
      for (const { watcher } of executions.values()) watcher?.close();
    },
  };
}

/** Whether nothing more is to be heard from a supervisor that has not said a word. */
function silentForGood({ child, sinceMs }: Execution): boolean {
  if (child) return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  return performance.now() - sinceMs > FIRST_WORD_MS;
}

async function supervisorWords(dir: string): Promise<string> {
  return ((await readText(executionFiles(dir).supervisorLog)) ?? "").trim().slice(-500);
}

function toReport(id: ExecutionId, state: State | undefined): ExecutionReport {
  if (state?.phase === "ready") return { id, state: "ready", port: state.port, user: state.user };
  if (state?.phase !== "ended") return { id, state: "starting" };
  const { exitCode, cause, detail, endedAt } = state;
  return { id, state: "ended", exit_code: exitCode, cause, detail, ended_at: endedAt };
}

/** A customer may have taken the owner's rights away from a directory of theirs. */
async function removeTree(dir: string): Promise<void> {
  try {
    await rm(dir, { recursive: true, force: true });
  } catch {
    await promisify(execFile)("chmod", ["-R", "u+rwX", dir]).catch(() => undefined);
    await rm(dir, { recursive: true, force: true });
  }
}
