// Batch executions of the `process` runtime: each a directory and a runner in plain shell. This side starts, watches,
// adopts, judges and forgets them; it may die at any moment without harm to what runs.
import { watch } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionId } from "../../../../domain/ids.ts";
import { MAX_RESULT_BYTES, MAX_STDERR_BYTES } from "../../../../domain/job/batch.ts";
import type { ExecutionReport } from "../../../../protocol/agent.ts";
import type { Log } from "../../../log.ts";
import { isAlive, until } from "../../../processes.ts";
import { type FinishedRun, refused, type Shortfall, tooLarge } from "../../finished-run.ts";
import { variablesOf } from "../environment.ts";
import { claim, writeOrder } from "../execution-dir.ts";
import { plainRoom } from "../plain.ts";
import { commandArguments, SYSTEM_PATH, writeSystemFiles } from "../sandbox.ts";
import { batchFiles, MOST_STDOUT_BYTES, readFinish, sizeOf, writeFinish } from "./batch-dir.ts";
import { whatFailed, whyNot } from "./end.ts";
import { type BatchOrder, endAll, judge, notHere, type Run, readAgain, toReport } from "./run.ts";
import { readWords, startRunner, uptime } from "./runner.ts";

const LOOK_EVERY_MS = 1000;
/** Over its timeout, for the runner to end it itself. */
const PAST_TIMEOUT_SECONDS = 5;
/** How long somebody else's runner may take from its claim to its first word. */
const FIRST_WORD_MS = 5000;
/** That they run is told late: most of these executions are over before anybody could be told. */
const NEWS_AFTER_MS = 1000;
/** The same everywhere: what a program prints of its machine should not differ between those that are compared. */
const HOSTNAME = "berth";

export interface BatchRunsOptions {
  /** Directory of the executions. */
  readonly root: string;
  readonly log: Log;
  onNews(): void;
  onResult(id: ExecutionId): void;
}

export type BatchRuns = ReturnType<typeof createBatchRuns>;

export function createBatchRuns({ root, log, onNews, onResult }: BatchRunsOptions) {
  const runs = new Map<ExecutionId, Run>();
  let system: Promise<string> | undefined;
  /** Of those that began what nobody was told; of all else that there is something to tell. */
  const begun = new Set<Run>();
  let otherNews = false;
  let newsTimer: NodeJS.Timeout | undefined;
  let closed = false;

  const timer = setInterval(() => {
    for (const run of runs.values()) void look(run);
  }, LOOK_EVERY_MS);
  timer.unref();

  /** @param run whose beginning it is: worth telling while it runs, for what it came to is delivered apart */
  function newsLater(run?: Run): void {
    if (run) begun.add(run);
    else otherNews = true;
    newsTimer ??= setTimeout(() => {
      newsTimer = undefined;
      const tell = otherNews || [...begun].some(({ finish }) => !finish);
      otherNews = false;
      begun.clear();
      if (tell) onNews();
    }, NEWS_AFTER_MS);
    newsTimer.unref();
  }

  function track(id: ExecutionId, order: BatchOrder): Run {
    const run: Run = {
      ...{ id, dir: join(root, id), order, words: undefined, finish: undefined, watcher: undefined },
      ...{
        exitedMs: undefined,
        runnerGone: Promise.resolve(),
        looking: undefined,
        concluding: undefined,
        lookAgain: false,
        preparing: Promise.resolve(),
        removing: false,
      },
    };
    runs.set(id, run);
    return run;
  }

  function watchDir(run: Run): void {
    run.watcher = watch(run.dir, () => void look(run));
    run.watcher.on("error", () => undefined); // the regular look sees it too, only later
  }

  /** Reads what the runner says again. Asked for while it reads, it reads once more. */
  function look(run: Run): Promise<void> {
    run.lookAgain = true;
    run.looking ??= (async () => {
      while (run.lookAgain) {
        run.lookAgain = false;
        if (!run.finish && !closed && runs.has(run.id)) await lookOnce(run);
      }
    })()
      .catch((error: unknown) => log.warn({ err: error, execution: run.id }, "cannot read the state"))
      .finally(() => {
        run.looking = undefined;
        if (run.lookAgain && !run.finish) void look(run); // asked for between the last look and here
      });
    return run.looking;
  }

  async function lookOnce(run: Run): Promise<void> {
    const { exitedMs, order } = run;
    const words = await readWords(run.dir);
    if (!words) {
      if (exitedMs === undefined) return;
      // It found a claim that is not its own, or could not begin: only of an earlier agent's runner a word may come.
      if (performance.now() - exitedMs > FIRST_WORD_MS || (await claim(run.dir))) await conclude(run, undefined);
      return;
    }
    if (!run.words) newsLater(run);
    run.words = words;
    if (words.ended) return conclude(run, undefined);
    if (words.code !== null && !order.sandboxed) await plainRoom(batchFiles(run.dir).home).end(0); // what it left behind
    if ((await sizeOf(batchFiles(run.dir).stdout)) > MAX_RESULT_BYTES) return conclude(run, tooLarge());
    const { timeoutSeconds } = order.spec;
    if (uptime() - words.startedUp > timeoutSeconds + PAST_TIMEOUT_SECONDS)
      return conclude(run, { end: "timed-out", detail: `It ran for more than ${timeoutSeconds} s.` });
    if (isAlive(words.runner)) return;
    run.words = (await readWords(run.dir)) ?? words; // it may have said its last word since
    await conclude(
      run,
      run.words.ended ? undefined : { end: "infrastructure", detail: "The process that ran it is gone." },
    );
  }

  /** Ends what is left of it and writes down how it ended. Afterwards nothing of it changes. */
  function conclude(run: Run, cut: Shortfall | undefined): Promise<void> {
    run.concluding ??= (async () => {
      if (!(await endAll(run))) log.error({ execution: run.id }, "it cannot be killed");
      await setFinish(run, await judge(run, cut));
    })().finally(() => {
      run.concluding = undefined;
    });
    return run.concluding;
  }

  async function setFinish(run: Run, result: FinishedRun): Promise<void> {
    const { outcome, end, detail, exitCode, runMs, startedAt } = result;
    run.finish = {
      ...{ outcome, end, detail, exitCode, runMs, startedAt: startedAt?.toISOString() ?? null },
      endedAt: new Date().toISOString(),
    };
    run.watcher?.close();
    try {
      await writeFinish(run.dir, run.finish);
    } catch (error) {
      // It is judged again after a restart, and sent now all the same.
      log.error({ err: error, execution: run.id }, "how it ended cannot be written down");
    }
    log.info({ execution: run.id, outcome, end, exitCode, runMs }, "batch execution ended");
    onResult(run.id);
    if (outcome !== "completed") newsLater(); // it may speak of the machine
  }

  /** Refused without a word of a runner: nobody may start it any more. */
  async function refuse(run: Run, why: Shortfall): Promise<void> {
    await claim(run.dir).catch(() => undefined);
    await setFinish(run, refused(why));
  }

  async function prepare(run: Run): Promise<void> {
    const { dir, order } = run;
    const { spec } = order;
    const files = batchFiles(dir);
    try {
      await mkdir(files.home, { recursive: true, mode: 0o700 });
      const wish = { home: files.home, system: await systemFiles(), hostname: HOSTNAME, gpuUuids: spec.gpuUuids };
      const options = order.sandboxed ? commandArguments(wish, variablesOf(spec, "/root")) : [];
      await Promise.all([
        writeFile(files.args, options.map((option) => `${option}\0`).join(""), { mode: 0o600 }),
        writeFile(files.input, spec.inputData, { mode: 0o600 }),
      ]);
      await writeOrder(dir, order); // last: an order that is there is whole
      await begin(run);
    } catch (error) {
      system = undefined;
      const why = whatFailed(error);
      log.error({ err: error, execution: run.id }, why.detail);
      await refuse(run, why);
    }
  }

  function systemFiles(): Promise<string> {
    const path = join(root, ".system");
    system ??= writeSystemFiles(path, HOSTNAME).then(() => path);
    return system;
  }

  /** Where a runner has begun already, its claim keeps this one from it. */
  async function begin(run: Run): Promise<void> {
    const { dir, order } = run;
    const { spec, sandboxed } = order;
    const why = whyNot(spec) ?? (sandboxed ? undefined : notHere(spec));
    if (why) return refuse(run, why);
    watchDir(run);
    const { home } = batchFiles(dir);
    const { HOME: _, ...variables } = variablesOf(spec, home); // what has this HOME is taken for the customer's, and ended
    const inside = ["bwrap", "--args", "9", "--json-status-fd", "8", "--"];
    const plain = ["sh", "-c", 'cd "$0" && HOME=$0 PATH=$1 && export HOME && shift && exec "$@" 8>&- 9>&-', home];
    run.runnerGone = startRunner({
      ...{ dir, memoryMb: spec.memoryMb, diskGb: spec.diskGb, timeoutSeconds: spec.timeoutSeconds },
      ...{ mostStdoutBytes: MOST_STDOUT_BYTES, keptStderrBytes: MAX_STDERR_BYTES },
      argv: [...(sandboxed ? inside : [...plain, variables.PATH ?? SYSTEM_PATH]), ...spec.command],
      env: { ...(sandboxed ? {} : variables), PATH: SYSTEM_PATH },
    }).then(() => {
      run.exitedMs = performance.now();
      void look(run);
    });
  }

  async function stop(run: Run, cut: Shortfall): Promise<void> {
    await run.preparing;
    await run.looking;
    if (run.finish) return;
    const saidSomething = async () => {
      run.words = await readWords(run.dir);
      return run.words !== undefined;
    };
    if (!(await saidSomething())) {
      if (await claim(run.dir))
        await run.runnerGone; // it finds the claim and ends
      else await until(saidSomething, FIRST_WORD_MS);
    }
    await run.looking;
    if (!run.finish) await conclude(run, cut);
  }

  return {
    has: (id: ExecutionId): boolean => runs.has(id),
    list: (): ExecutionReport[] => [...runs.values()].map(toReport),

    /** Takes over what an earlier run of the agent left. */
    async adopt(id: ExecutionId, order: BatchOrder): Promise<void> {
      const run = track(id, order);
      run.finish = await readFinish(run.dir);
      if (run.finish) return;
      run.words = await readWords(run.dir);
      if (run.words) watchDir(run);
      else await begin(run);
      await look(run);
    },

    async apply(order: BatchOrder): Promise<void> {
      const { id } = order.spec;
      if (runs.has(id)) return;
      const run = track(id, order);
      run.preparing = prepare(run);
      await run.preparing;
    },

    async result(id: ExecutionId): Promise<FinishedRun | null> {
      const run = runs.get(id);
      return run?.finish ? readAgain(run, run.finish) : null;
    },

    /** After this nothing of it is left but its directory, which is the caller's to delete. @returns the directory */
    async remove(id: ExecutionId): Promise<string | null> {
      const run = runs.get(id);
      if (!run || run.removing) return null;
      run.removing = true;
      try {
        await stop(run, { end: "cancelled", detail: "The broker no longer wants it." });
        run.watcher?.close();
        return run.dir;
      } finally {
        run.removing = false;
      }
    },

    forget(id: ExecutionId): void {
      runs.delete(id);
      newsLater();
    },

    async stopAll(detail: string): Promise<void> {
      await Promise.all([...runs.values()].map((run) => stop(run, { end: "infrastructure", detail })));
    },

    close(): void {
      closed = true;
      clearInterval(timer);
      clearTimeout(newsTimer);
      for (const { watcher } of runs.values()) watcher?.close();
    },
  };
}
