// The `docker` runtime: every execution is a container of the engine on this machine and a directory of ours. What runs
// outlives the agent; containers are found again by their names, and a name is given once.
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { EndCause } from "../../../domain/execution/spec.ts";
import { type ExecutionId, isId } from "../../../domain/ids.ts";
import type { ExecutionReport } from "../../../protocol/agent.ts";
import type { Log } from "../../log.ts";
import { rest } from "../../pace.ts";
import { SpecShape } from "../../spec.ts";
import { createLastWords } from "../last-words.ts";
import type { Runtime } from "../runtime.ts";
import { passBatch, stopBatch } from "./batch.ts";
import { kill, ownContainers, takeAway } from "./container.ts";
import { type Engine, type Found, findEngine } from "./engine.ts";
import { drive, type Execution, type Ground } from "./execution.ts";
import { containerName, hardLimits } from "./options.ts";
import {
  createRecord,
  endedState,
  type Order,
  readOrder,
  readRun,
  readState,
  type State,
  writeOrder,
  writeState,
} from "./records.ts";
import { passRental } from "./rental.ts";
import { openRentalLog } from "./rental-log.ts";

const SWEEP_EVERY_MS = 60_000;

export interface DockerRuntimeOptions {
  /** Directory of the executions; made if absent. */
  readonly root: string;
  /** The address customers reach this machine on. */
  readonly publicHost: string;
  readonly log: Log;
  /** Only tests say otherwise. */
  readonly find?: () => Promise<Found>;
}

/** Takes over what an earlier run left. The engine may be away: what was last known is told until it is back. */
export async function openDockerRuntime(options: DockerRuntimeOptions): Promise<Runtime> {
  const { root, publicHost, log, find = findEngine } = options;
  const most = hardLimits(await readFile("/proc/self/limits", "utf8").catch(() => ""));
  const executions = new Map<ExecutionId, Execution>();
  const lastWords = createLastWords();
  const closing = new AbortController();
  let news: () => void = () => undefined;
  let finished: (id: ExecutionId) => void = () => undefined;
  let found: Promise<Engine> | undefined;

  const ground: Ground = {
    log,
    engine: () => {
      found ??= find().then((answer) => {
        if ("engine" in answer) return answer.engine;
        throw new Error(answer.why);
      });
      return found;
    },
    lost: () => {
      found = undefined;
    },
    maker: ({ kind }) => ({ kind, root, publicHost, most }),
    async setState(execution, state) {
      if (execution.state.phase === "ended" || JSON.stringify(state) === JSON.stringify(execution.state)) return;
      await writeState(execution.dir, state);
      execution.state = state;
      log.info({ execution: execution.id, ...state }, "execution");
      if (state.phase === "ended" && execution.order.spec.kind === "batch") finished(execution.id);
      news();
    },
  };

  /** @throws where the engine is away; asked again, it is looked for anew */
  async function withEngine<T>(use: (engine: Engine) => Promise<T>): Promise<T> {
    try {
      return await use(await ground.engine());
    } catch (error) {
      ground.lost();
      throw error;
    }
  }

  function track(id: ExecutionId, order: Order, state: State): Execution {
    const execution: Execution = {
      ...{ id, dir: join(root, id), order, state, stopping: new AbortController(), driving: Promise.resolve() },
      ...{ removing: undefined, changed: () => undefined },
    };
    executions.set(id, execution);
    carryOn(execution);
    return execution;
  }

  function carryOn(execution: Execution): void {
    const { spec } = execution.order;
    const own = spec.kind === "rental" ? openRentalLog(execution.dir) : undefined;
    execution.stopping = new AbortController();
    execution.driving = drive(execution, ground, (engine, signal) =>
      spec.kind === "batch"
        ? passBatch(execution, spec, ground, engine, signal)
        : passRental(execution, spec, ground, own ?? openRentalLog(execution.dir), engine, signal),
    ).catch((error: unknown) => log.error({ err: error, execution: execution.id }, "cannot be carried on"));
  }

  async function halt(execution: Execution): Promise<void> {
    execution.stopping.abort();
    await execution.driving;
  }

  async function forget(execution: Execution): Promise<void> {
    const { id, dir } = execution;
    await halt(execution);
    try {
      await withEngine((engine) => takeAway(engine, containerName(id)));
    } catch (error) {
      if (execution.state.phase !== "ended") carryOn(execution); // still there, still told of
      throw error;
    }
    if (execution.order.spec.kind === "rental") await lastWords.keep(id, openRentalLog(dir).read);
    await rm(dir, { recursive: true, force: true });
    executions.delete(id);
    log.info({ execution: id }, "execution removed");
    news();
  }

  async function adopt(): Promise<void> {
    await mkdir(root, { recursive: true, mode: 0o700 });
    for (const name of await readdir(root)) {
      if (!isId("exec", name)) continue;
      const dir = join(root, name);
      try {
        const order = await readOrder(dir);
        if (order) track(name, order, (await readState(dir)) ?? { phase: "starting" });
        else await rm(dir, { recursive: true, force: true }); // made, but never ordered: nothing can run there
      } catch (error) {
        log.error({ err: error, execution: name }, "cannot adopt");
      }
    }
  }

  /** Containers that carry this agent's label and that no directory knows. */
  async function sweep(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await withEngine(async (engine) => {
          for (const { name, id } of await ownContainers(engine, root)) {
            if (closing.signal.aborted || (isId("exec", id) && executions.has(id))) continue;
            log.warn({ execution: id }, "a container that nobody ordered: it is removed");
            await takeAway(engine, name);
          }
        });
      } catch {
        // Whoever carries an execution on says that the engine is away.
      }
      await rest(SWEEP_EVERY_MS, closing.signal);
    }
  }

  async function stop(execution: Execution, cause: EndCause, detail: string): Promise<void> {
    await halt(execution);
    if (execution.state.phase === "ended") return;
    await withEngine(async (engine) => {
      if (execution.order.spec.kind === "batch") return stopBatch(execution, ground, engine, detail);
      await kill(engine, execution.id);
      openRentalLog(execution.dir).tell(`The workspace ended: ${detail}`);
      await ground.setState(execution, endedState(cause, detail, null, new Date()));
    });
  }

  await adopt();
  void sweep();

  return {
    sandboxed: true,
    list: () => [...executions.values()].map(({ id, state }) => toReport(id, state)),
    async apply(wish, brokerAheadMs) {
      const spec = SpecShape.parse(wish);
      const known = executions.get(spec.id);
      if (known) {
        if (spec.kind === "batch" || known.removing) return;
        if (JSON.stringify(known.order.spec) === JSON.stringify(spec)) return;
        known.order = { spec, brokerAheadMs };
        await writeOrder(known.dir, known.order);
        known.changed();
        return;
      }
      const order = { spec, brokerAheadMs };
      await createRecord(join(root, spec.id), order);
      if (!executions.has(spec.id)) track(spec.id, order, { phase: "starting" });
      news();
    },
    async remove(id) {
      const execution = executions.get(id);
      if (!execution) return;
      execution.removing ??= forget(execution).finally(() => {
        execution.removing = undefined; // after a failure the next answer asks again
      });
      await execution.removing;
    },
    async stopAll(cause, detail) {
      await Promise.all([...executions.values()].map((execution) => stop(execution, cause, detail)));
    },
    async result(id) {
      const execution = executions.get(id);
      if (execution?.state.phase !== "ended" || execution.order.spec.kind !== "batch") return null;
      return readRun(execution.dir);
    },
    async log(id, offset) {
      const execution = executions.get(id);
      if (execution) return execution.order.spec.kind === "rental" ? openRentalLog(execution.dir).read(offset) : null;
      return lastWords.from(id, offset);
    },
    onNews(listener) {
      news = listener;
    },
    onResult(listener) {
      finished = listener;
    },
    close() {
      closing.abort();
      for (const { stopping } of executions.values()) stopping.abort();
    },
  };
}

function toReport(id: ExecutionId, state: State): ExecutionReport {
  switch (state.phase) {
    case "starting":
      return { id, state: "starting" };
    case "running":
      return { id, state: "running", started_at: state.since };
    case "ready":
      return { id, state: "ready", port: state.port, user: "root" };
    case "ended":
      return {
        ...{ id, state: "ended", exit_code: state.exitCode, cause: state.cause },
        ...{ detail: state.detail, ended_at: state.endedAt },
      };
  }
}
