// The runner of one batch execution: a few lines of POSIX shell, detached, that outlive the agent. No node process is
// started for it, because most of these executions take less time than node does. It leaves behind files that say how
// things are: `started`, `status` (of bubblewrap), `code`, `ended`, `stdout`, `stderr`.
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { readlink } from "node:fs/promises";
import os from "node:os";
import { join } from "node:path";
import { readText } from "../../../files.ts";
import {
  identify,
  isAlive,
  listPids,
  onlyThese,
  type ProcessIdentity,
  parseProcStat,
  procStat,
  trySignal,
} from "../../../processes.ts";
import { findProgram } from "../sandbox.ts";

/**
 * Arguments: most bytes of stdout, bytes kept of stderr, KiB of private memory a process, blocks of 512 bytes a file,
 * then the command. Whoever makes `claim` runs it, nobody else ever does. `head` and `tail` bound what reaches the disk
 * even while no agent is there to look.
 */
const SCRIPT = `
set -C
if ! true > claim; then exit 0; fi
set +C
now() { if [ -r /proc/uptime ]; then read -r up rest < /proc/uptime; else up=$(date +%s); fi; }
if [ -r /proc/self/stat ]; then read -r boot < /proc/sys/kernel/random/boot_id; read -r self < /proc/$$/stat
else boot=; self=$(ps -o lstart= -p $$); fi
most=$1 kept=$2
ulimit -c 0
ulimit -d "$3"
ulimit -f "$4"
shift 4
now
printf '%s\\n' "$$" "$boot" "$up" "$self" > started || exit 0
{
  {
    { "$@" < input 8> status 9< args 3>&- 4>&- 5>&-; echo $? >&5; } 2>&1 >&4 4>&- | tail -c "$kept" > stderr 4>&- 5>&-
  } 4>&1 | head -c "$most" > stdout 5>&-
  head=$?
} 5> code
now
printf '%s %s\\n' "$up" "$head" > ended
`;

export interface RunnerWish {
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly mostStdoutBytes: number;
  readonly keptStderrBytes: number;
  /** RLIMIT_DATA of each process: private writable memory. Reserved addresses are not counted, so that runtimes which
   * reserve many (Go, Java, CUDA) start; threads count with their whole stack. */
  readonly memoryMb: number;
  /** RLIMIT_FSIZE: no file may grow over that */
  readonly diskGb: number;
  readonly timeoutSeconds: number;
  readonly argv: readonly string[];
}

/** Starts it in a session of its own. @returns resolves when it is gone or could not be started */
export function startRunner(wish: RunnerWish): Promise<void> {
  const { dir, env, argv, timeoutSeconds } = wish;
  const limits = [wish.mostStdoutBytes, wish.keptStderrBytes, wish.memoryMb * 1024, wish.diskGb * 2 * 1024 * 1024];
  const timeout = findProgram("timeout");
  const limited = timeout ? [timeout, "--foreground", "-s", "KILL", String(timeoutSeconds)] : [];
  const command = [...limited, "nice", "-n", "5", ...argv];
  const child = spawn("/bin/sh", ["-c", SCRIPT, "berth-run", ...limits.map(String), ...command], {
    ...{ detached: true, stdio: "ignore", cwd: dir, env: onlyThese(env) },
  });
  child.unref();
  return new Promise((resolve) => {
    child.on("error", () => resolve());
    child.on("exit", () => resolve());
  });
}

/** What a runner has said so far. Times are seconds on the machine's own count since its start. */
export interface Words {
  readonly runner: ProcessIdentity;
  readonly startedUp: number;
  readonly startedAt: Date;
  /** how the program ended as a shell sees it; null while it runs */
  readonly code: number | null;
  /** how it ended as bubblewrap saw it; null where it never ran inside, or there is no bubblewrap */
  readonly insideCode: number | null;
  /** first process inside and its namespace; null where there is none (yet) */
  readonly init: { readonly pid: number; readonly namespace: string | null } | null;
  readonly ended: { readonly up: number; readonly wholeStdout: boolean } | null;
}

/** @returns undefined where it has not begun */
export async function readWords(dir: string): Promise<Words | undefined> {
  const lines = ((await readText(join(dir, "started"))) ?? "").split("\n");
  const [pid, boot, up, self] = lines;
  if (lines.length < 5 || pid === undefined || up === undefined || self === undefined) return undefined;
  const [status, code, ended] = await Promise.all(
    ["status", "code", "ended"].map(async (name) => (await readText(join(dir, name))) ?? ""),
  );
  const over = /^(\d+(?:\.\d+)?) (\d+)\n/.exec(ended ?? "");
  const init = /"child-pid":\s*(\d+)/.exec(status ?? "")?.[1];
  return {
    runner: { pid: Number(pid), started: boot === "" ? self.trim() : `${boot}:${parseProcStat(self)?.startTicks}` },
    startedUp: Number(up),
    startedAt: statSync(join(dir, "started")).mtime,
    code: numberOr(/^(\d+)\n/.exec(code ?? "")?.[1]),
    insideCode: numberOr(/"exit-code":\s*(\d+)/.exec(status ?? "")?.[1]),
    init: init ? { pid: Number(init), namespace: /"pid-namespace":\s*(\d+)/.exec(status ?? "")?.[1] ?? null } : null,
    ended: over ? { up: Number(over[1]), wholeStdout: over[2] === "0" } : null,
  };
}

/** Seconds, on the count that runners use. */
export function uptime(): number {
  return process.platform === "linux" ? os.uptime() : Date.now() / 1000;
}

/** Kills all that a runner started and that is left of it: its session, and the sandbox with everything inside. */
export async function killRun({ runner, init }: Words): Promise<void> {
  for (const pid of sessionOf(runner)) trySignal(pid, "SIGKILL");
  if (process.platform !== "linux" && isAlive(runner)) trySignal(-runner.pid, "SIGKILL"); // no /proc to ask
  if (init && (await isInit(init))) trySignal(init.pid, "SIGKILL");
}

/** Whether anything lives of what a runner started on this side of the sandbox's walls. */
export function inSession({ runner }: Words): boolean {
  return sessionOf(runner).length > 0;
}

/** A session's number is the pid of who opened it, which is not given again while anybody is in it: until a restart. */
function sessionOf(opener: ProcessIdentity): number[] {
  const bootOf = (identity: ProcessIdentity | undefined) => identity?.started.split(":")[0];
  const there = identify(opener.pid);
  if (there ? there.started !== opener.started : bootOf(identify(process.pid)) !== bootOf(opener)) return [];
  return listPids().filter((pid) => {
    const stat = procStat(pid);
    return stat !== undefined && stat.session === opener.pid && stat.state !== "Z" && stat.state !== "X";
  });
}

/** Whether the first process inside lives. A pid is given again, but not within a namespace that another had. */
export async function isInit({ pid, namespace }: NonNullable<Words["init"]>): Promise<boolean> {
  if (namespace === null) return false; // an old bubblewrap: it dies with its parent all the same
  const there = await readlink(`/proc/${pid}/ns/pid`).catch(() => "");
  const state = procStat(pid)?.state;
  return there === `pid:[${namespace}]` && state !== "Z" && state !== "X";
}

function numberOr(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}
