// Keeps one child process running: its output in a log file, its crashes told and mended, its end certain.
// A child leads a process group of its own, so that a Ctrl-C in the terminal reaches only `up`, which keeps the order.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { copyFile, mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { endProcess, isAlive, send, startMarkOf } from "../processes.ts";

export interface ChildSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly uid?: number;
  readonly gid?: number;
  /** What asks it to end; SIGTERM unless given. */
  readonly stopSignal?: NodeJS.Signals;
  /** How long it may take to end before it is killed. */
  readonly stopGraceMs: number;
  /** Done before every start, the restarts included. */
  readonly beforeStart?: () => Promise<void>;
}

export interface Household {
  readonly logDir: string;
  /** Where the ids of running children are kept, for the next `up` when this one is killed. */
  readonly runDir: string;
  /** Tells a person what happened. */
  readonly report: (sentence: string) => void;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** First pause before a restart; doubled each time, up to `longestPauseMs`. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

export interface Supervised {
  readonly name: string;
  /** The process id while it runs. */
  pid(): number | undefined;
  /** Asks it to end and waits until it and its process group are gone. Never restarted afterwards. */
  stop(): Promise<void>;
  /** Kills it and its group at once. */
  kill(): void;
}

const STEADY_MS = 60_000;
const LARGEST_LOG_BYTES = 10 * 1024 * 1024;

/** Pause before the n-th restart in a row (from 0): doubling, capped, the later half of it random. */
export function pauseMs(restarts: number, household: Household): number {
  const full = Math.min(household.longestPauseMs, household.firstPauseMs * 2 ** Math.min(restarts, 20));
  return Math.round(full * (0.5 + household.random() / 2));
}

/** Starts a child and keeps it running until `stop` or `kill`. */
export function supervise(spec: ChildSpec, household: Household): Supervised {
  const stopping = new AbortController();
  let child: ChildProcess | undefined;
  const logFile = join(household.logDir, `${spec.name}.log`);
  const record = join(household.runDir, spec.name);

  async function runOnce(): Promise<string> {
    await mkdir(household.logDir, { recursive: true, mode: 0o700 });
    await spec.beforeStart?.();
    if (stopping.signal.aborted) return ""; // nothing may be awaited from here to the spawn: stop() could slip through
    const log = openSync(logFile, "a", 0o600);
    const started = spawn(spec.command, [...spec.args], {
      cwd: spec.cwd,
      env: spec.env,
      detached: true,
      stdio: ["ignore", log, log],
      ...(spec.uid === undefined ? {} : { uid: spec.uid }),
      ...(spec.gid === undefined ? {} : { gid: spec.gid }),
    });
    closeSync(log);
    child = started;
    const ended = new Promise<string>((done) => {
      started.once("error", (error) => done(`did not start (${error.message})`));
      started.once("exit", (code, signal) => done(signal ? `was ended by ${signal}` : `ended with code ${code}`));
    });
    if (started.pid !== undefined) {
      await mkdir(household.runDir, { recursive: true, mode: 0o700 });
      await writeFile(record, `${started.pid} ${await startMarkOf(started.pid)}`);
    }
    const how = await ended;
    if (started.pid !== undefined) killGroup(started.pid);
    child = undefined;
    await rm(record, { force: true });
    return how;
  }

  async function keepRunning(): Promise<void> {
    let restarts = 0;
    while (!stopping.signal.aborted) {
      const since = Date.now();
      const how = await runOnce().catch((error) => `could not be started (${error})`);
      if (stopping.signal.aborted) return;
      if (Date.now() - since > STEADY_MS) restarts = 0;
      const pause = pauseMs(restarts++, household);
      const tail = (await lastLines(logFile, 5)).map((line) => `\n    ${line}`).join("");
      household.report(
        `${spec.name} ${how}; starting it again in ${(pause / 1000).toFixed(1)} s. Its log is ${logFile}${tail}`,
      );
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  const running = keepRunning();
  return {
    name: spec.name,
    pid: () => child?.pid,
    stop: async () => {
      stopping.abort();
      const pid = child?.pid;
      if (pid !== undefined && child?.exitCode === null) {
        await endProcess(pid, spec.stopSignal ?? "SIGTERM", spec.stopGraceMs);
      }
      await running;
    },
    kill: () => {
      stopping.abort();
      const pid = child?.pid;
      if (pid !== undefined) killGroup(pid);
    },
  };
}

/** What a dead leader left in its group; the group's id stays taken while a member lives, so nobody else is hit. */
function killGroup(pid: number): void {
  send(-pid, "SIGKILL");
}

/** Ends what a killed `up` left running: `first` in the given order of name prefixes, then the rest. */
export async function endLeftovers(runDir: string, first: readonly string[]): Promise<string[]> {
  const names = await readdir(runDir).catch(() => []);
  const rank = (name: string) => {
    const at = first.findIndex((prefix) => name.startsWith(prefix));
    return at < 0 ? first.length : at;
  };
  const ended: string[] = [];
  for (const name of names.sort((a, b) => rank(a) - rank(b))) {
    const [pidText = "", ...mark] = (await readFile(join(runDir, name), "utf8")).split(" ");
    const pid = Number(pidText);
    if (pid > 0 && isAlive(pid) && mark.join(" ") === (await startMarkOf(pid))) {
      await endProcess(pid, "SIGTERM", 10_000);
      killGroup(pid);
      ended.push(name);
    }
    await rm(join(runDir, name), { force: true });
  }
  return ended;
}

/** Keeps each log under 10 MB, one older file beside it. Children append, so emptying the file is safe. */
export async function rotateLogs(logDir: string, largestBytes = LARGEST_LOG_BYTES): Promise<void> {
  for (const name of await readdir(logDir).catch(() => [])) {
    const path = join(logDir, name);
    if (!name.endsWith(".log") || (await stat(path)).size <= largestBytes) continue;
    await copyFile(path, `${path}.1`);
    await truncate(path, 0);
  }
}

async function lastLines(path: string, count: number): Promise<string[]> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return [];
  try {
    const { size } = await file.stat();
    const tail = Buffer.alloc(Math.min(size, 4096));
    await file.read(tail, 0, tail.length, size - tail.length);
    return tail.toString("utf8").trimEnd().split("\n").slice(-count).filter(Boolean);
  } finally {
    await file.close();
  }
}
