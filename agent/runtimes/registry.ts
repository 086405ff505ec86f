// Which runtimes this agent has: what one file can carry is always there, the rest is looked for when it is wanted.
import { setTimeout as sleep } from "node:timers/promises";
import type { Runtime as RuntimeName } from "../../domain/provider/state.ts";
import { ConfigError } from "../config.ts";
import { isErrno } from "../files.ts";
import type { Log } from "../log.ts";
import { rest } from "../pace.ts";
import { type Found, findEngine } from "./docker/engine.ts";
import { openNodeRuntime } from "./node-runtime.ts";
import type { Runtime } from "./runtime.ts";

const ENGINE_WAITS = { firstMs: 10_000, everyMs: 500, laterMs: 5000 };

type ProcessModule = typeof import("./process/entry.ts");

/** @returns undefined where the file or its native package is not there */
async function loadProcess(): Promise<ProcessModule | undefined> {
  try {
    return await import("./process/entry.ts");
  } catch (error) {
    if (isErrno(error, "ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND")) return undefined;
    throw error;
  }
}

export async function runtimesHere(): Promise<RuntimeName[]> {
  return (await loadProcess()) ? ["process", "docker", "kubernetes"] : ["docker", "kubernetes"];
}

type Missing = Exclude<RuntimeName, "kubernetes" | "docker">;

const MISSING: Record<Missing, string> = {
  external: "That is what third-party workers are called that are no Berth agent.",
  process: "The process runtime ships with the repository, not with the one file: run dist/agent.mjs from there.",
};

/** @throws ConfigError saying what this agent has instead */
async function refuse(name: Missing): Promise<never> {
  const here = (await runtimesHere()).join(" and ");
  throw new ConfigError(`This agent has no ${name} runtime; it has ${here}. ${MISSING[name]}`);
}

export interface RuntimePlace {
  /** Directory of the executions. */
  readonly root: string;
  readonly publicHost: string;
  readonly supervisor: readonly string[];
  readonly log: Log;
}

export interface Offered {
  /** Why there is no isolation; undefined where there is. */
  readonly whyNoSandbox: string | undefined;
  /** Where isolation may come later: resolves when it has, or when nobody waits any more. */
  untilSandboxed?(signal: AbortSignal): Promise<void>;
  open(place: RuntimePlace): Promise<Runtime>;
}

/** @throws ConfigError where this agent does not have the runtime */
export async function findRuntime(name: RuntimeName): Promise<Offered> {
  if (name === "kubernetes") return { whyNoSandbox: undefined, open: async () => openNodeRuntime() };
  if (name === "docker") return findDocker();
  const module = name === "process" ? await loadProcess() : undefined;
  if (!module) return refuse(name);
  const whyNoSandbox = await module.whyNoSandbox();
  return {
    whyNoSandbox,
    open: (place) => module.openProcessRuntime({ ...place, sandboxed: whyNoSandbox === undefined }),
  };
}

/**
 * A container is a sandbox wherever there is an engine to make it. The engine may still be starting as the agent is, and
 * one that comes later than that is found later.
 * @param waits how long the first look takes at most, and how often is looked then and afterwards
 */
export async function findDocker(find: () => Promise<Found> = findEngine, waits = ENGINE_WAITS): Promise<Offered> {
  let found = await find();
  for (const endMs = performance.now() + waits.firstMs; !("engine" in found) && performance.now() < endMs; ) {
    await sleep(waits.everyMs);
    found = await find();
  }
  return {
    whyNoSandbox: "why" in found ? found.why : undefined,
    async untilSandboxed(signal) {
      while (!signal.aborted && !("engine" in found)) {
        await rest(waits.laterMs, signal);
        found = await find();
      }
    },
    open: async (place) => (await import("./docker/docker-runtime.ts")).openDockerRuntime(place),
  };
}

/** Runs the execution of a directory to its end: what the hidden command of a supervisor does. */
export async function superviseHere(dir: string): Promise<void> {
  const module = await loadProcess();
  if (!module) return refuse("process");
  return module.supervise(dir);
}
