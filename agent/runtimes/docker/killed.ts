// Who ended a program by a signal when this agent did not.
import { execFile } from "node:child_process";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { z } from "zod";
import type { Seen } from "./container.ts";
import { type Engine, type EngineKind, openStream } from "./engine.ts";

/** 128 and SIGKILL. A program may end with this code of its own accord: by it alone nobody was killed. */
export const SIGKILLED = 137;
/** Of a program that a signal ended, or that says so. */
const isSignal = (exitCode: number) => exitCode > 128 && exitCode <= 192;
/** A busy engine takes its time to look; what it never says is taken for the program's own end. */
const REMEMBERS_MS = 20_000;

/** What an engine remembers of an end: `asked`: somebody had it end the container; `seen`: nobody did. */
export type Witness = "asked" | "seen" | "forgotten";

export interface KilledEnd {
  readonly kind: EngineKind;
  /** the engine's id of the container, 64 hexadecimal digits */
  readonly container: string;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** what the kernel said lately; "" where nobody may read it */
  readonly kernelLog: string;
  readonly witness: Witness;
}

/**
 * An engine says for ever that a process of a container was killed for memory; one that still ended well was not hurt by
 * it. Docker always says so. Podman with cgroups of the first version does not, but there the kernel names the container.
 * An end by somebody's hand, or by a whole machine that is short of memory, is the machine's. What its engine saw and
 * nobody asked for is the program's own, as every exit code is; a SIGKILL that no engine remembers may be either.
 * @returns null where it was not killed
 */
export function whoKilled(end: KilledEnd): "out-of-memory" | "infrastructure" | null {
  const { kind, container, exitCode, oomKilled, kernelLog, witness } = end;
  if (exitCode === 0) return null;
  if (oomKilled) return "out-of-memory";
  if (!isSignal(exitCode)) return null;
  if (witness === "asked") return "infrastructure";
  if (exitCode !== SIGKILLED) return null;
  const kernel = kind === "podman" ? killedByKernel(kernelLog, container) : null;
  return kernel ?? (witness === "seen" ? null : "infrastructure");
}

/** `CONSTRAINT_MEMCG`: a limit was reached. Where the whole machine was short, another word stands there. */
function killedByKernel(kernelLog: string, container: string): "out-of-memory" | "infrastructure" | null {
  const overItsLimit = new RegExp(`oom-kill:constraint=CONSTRAINT_MEMCG,.*oom_memcg=[^,]*${container}`);
  const chosen = new RegExp(`oom-kill:constraint=.*task_memcg=[^,]*${container}`);
  const lines = kernelLog.split("\n");
  if (lines.some((line) => overItsLimit.test(line))) return "out-of-memory";
  return lines.some((line) => chosen.test(line)) ? "infrastructure" : null;
}

/** The same of a container that has ended, with engine and kernel asked only where they have something to add. */
export async function askWhoKilled(
  engine: Engine,
  seen: Pick<Seen, "id" | "exitCode" | "oomKilled" | "startedAt">,
): Promise<"out-of-memory" | "infrastructure" | null> {
  const { kind } = engine;
  const { id: container, exitCode, oomKilled } = seen;
  const kernelLog = kind === "podman" && exitCode === SIGKILLED && !oomKilled ? await readKernelLog() : "";
  const witness = isSignal(exitCode) && !oomKilled ? await askWitness(engine, seen) : "forgotten";
  return whoKilled({ kind, container, exitCode, oomKilled, kernelLog, witness });
}

const Happened = z.object({ Action: z.string() });
const BY_HAND = ["kill", "stop"];
/** Podman tells that it was stopped by hand after it tells that it ended, or where the end was quicker not at all. */
const AFTERWARDS_SECONDS = 2;

/** Engines forget: Docker with its own end, and all but the last 256 events of all its containers. */
async function askWitness(engine: Engine, { id, startedAt }: Pick<Seen, "id" | "startedAt">): Promise<Witness> {
  const since = Math.floor((startedAt?.getTime() ?? 0) / 1000);
  const until = Math.ceil(Date.now() / 1000) + AFTERWARDS_SECONDS; // the engine answers when they are over
  const filters = JSON.stringify({ container: [id] });
  const signal = AbortSignal.timeout(REMEMBERS_MS);
  try {
    const told = await openStream(engine, { method: "GET", path: "/events", query: { since, until, filters }, signal });
    const lines = (await text(told)).split("\n").filter((line) => line.trim() !== "");
    const actions = lines.map((line) => Happened.parse(JSON.parse(line)).Action);
    if (actions.some((action) => BY_HAND.includes(action))) return "asked";
    return actions.some((action) => action === "die" || action === "died") ? "seen" : "forgotten";
  } catch {
    return "forgotten"; // it does not say
  }
}

async function readKernelLog(): Promise<string> {
  try {
    return (await promisify(execFile)("dmesg", [], { timeout: 5000, maxBuffer: 64 * 1024 ** 2 })).stdout;
  } catch {
    return ""; // not there, or not for this user
  }
}
