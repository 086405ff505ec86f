// Who ended a program by SIGKILL when this agent did not.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Engine, EngineKind } from "./engine.ts";

/** 128 and SIGKILL. A program that ends with this code of its own accord cannot be told from one that was killed. */
export const SIGKILLED = 137;

export interface KilledEnd {
  readonly kind: EngineKind;
  /** the engine's id of the container, 64 hexadecimal digits */
  readonly container: string;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** what the kernel said lately; "" where nobody may read it */
  readonly kernelLog: string;
}

/**
 * An engine says for ever that a process of a container was killed for memory; one that still ended well was not hurt by
 * it. Docker always says so. Podman with cgroups of the first version does not, but there the kernel names the container.
 * A kill that neither explains came from outside: an owner's hand, or a whole machine short of memory.
 * @returns null where it was not killed
 */
export function whoKilled(end: KilledEnd): "out-of-memory" | "infrastructure" | null {
  const { kind, container, exitCode, oomKilled, kernelLog } = end;
  if (exitCode === 0) return null;
  if (oomKilled) return "out-of-memory";
  if (exitCode !== SIGKILLED) return null;
  return kind === "podman" && overItsLimit(kernelLog, container) ? "out-of-memory" : "infrastructure";
}

/** `CONSTRAINT_MEMCG`: a limit was reached. Where the whole machine was short, another word stands there. */
function overItsLimit(kernelLog: string, container: string): boolean {
  const named = new RegExp(`oom-kill:constraint=CONSTRAINT_MEMCG,.*oom_memcg=[^,]*${container}`);
  return kernelLog.split("\n").some((line) => named.test(line));
}

/** The same of a container that has ended, with the kernel asked only where it has something to add. */
export async function askWhoKilled(
  { kind }: Engine,
  seen: { readonly id: string; readonly exitCode: number; readonly oomKilled: boolean },
): Promise<"out-of-memory" | "infrastructure" | null> {
  const { id: container, exitCode, oomKilled } = seen;
  const kernelLog = kind === "podman" && exitCode === SIGKILLED && !oomKilled ? await readKernelLog() : "";
  return whoKilled({ kind, container, exitCode, oomKilled, kernelLog });
}

async function readKernelLog(): Promise<string> {
  try {
    return (await promisify(execFile)("dmesg", [], { timeout: 5000, maxBuffer: 64 * 1024 ** 2 })).stdout;
  } catch {
    return ""; // not there, or not for this user
  }
}
