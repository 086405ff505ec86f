// Processes by identity. A pid alone is reused by the kernel; a pid with its start time is not.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

export const ProcessIdentity = z.strictObject({ pid: z.int().min(1), started: z.string().min(1) });
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

interface ProcStat {
  readonly command: string;
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  readonly startTicks: string;
}

/** Fields of /proc/<pid>/stat. The command may hold spaces and brackets, so what follows is read from the last bracket. */
export function parseProcStat(text: string): ProcStat | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const rest = text.slice(close + 2).split(" ");
  const [state, parent] = rest;
  const startTicks = rest[19];
  if (state === undefined || parent === undefined || startTicks === undefined) return undefined;
  return {
    command: text.slice(open + 1, close),
    ...{ state, parent: Number(parent), session: Number(rest[3]), startTicks },
  };
}

export function procStat(pid: number): ProcStat | undefined {
  try {
    return parseProcStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined;
  }
}

let bootId: string | undefined;
function currentBoot(): string {
  bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return bootId;
}

/** @returns undefined where no such process lives; a zombie does not live */
export function identify(pid: number): ProcessIdentity | undefined {
  if (process.platform === "linux") {
    const stat = procStat(pid);
    if (!stat || stat.state === "Z" || stat.state === "X") return undefined;
    return { pid, started: `${currentBoot()}:${stat.startTicks}` };
  }
  try {
    const started = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    return started === "" ? undefined : { pid, started };
  } catch {
    return undefined;
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.started === identity.started;
}

/** Signals a process if it is still the one that was meant. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  if (isAlive(identity)) trySignal(identity.pid, name);
}

/** Signals a pid (a process group where negative); one that is gone already is no error. */
export function trySignal(pid: number, name: NodeJS.Signals | number): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone between the look and the signal: what was wanted.
  }
}

/** Waits until a condition holds. @returns whether it did within the time */
export async function until(
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number,
  everyMs = 25,
): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    if (await holds()) return true;
    if (performance.now() >= end) return false;
    await sleep(everyMs);
  }
}

export function listPids(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** The pids that live in the same pid namespace as the given one, itself included. */
export function pidsInNamespaceOf(pid: number): number[] {
  const namespaceOf = (of: number) => {
    try {
      return readlinkSync(`/proc/${of}/ns/pid`);
    } catch {
      return undefined;
    }
  };
  const wanted = namespaceOf(pid);
  if (wanted === undefined) return [];
  return listPids().filter((other) => namespaceOf(other) === wanted);
}

export function childrenOf(pid: number): number[] {
  return listPids().filter((other) => procStat(other)?.parent === pid);
}

/** An environment for a child: exactly these variables, whatever else the process types demand of our own. */
export function onlyThese(variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return Object.assign(Object.create(null), variables);
}
