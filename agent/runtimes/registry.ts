// Which runtimes this agent has: what one file can carry is always there, the rest is looked for when it is wanted.
import type { Runtime as RuntimeName } from "../../domain/provider/state.ts";
import { ConfigError } from "../config.ts";
import { isErrno } from "../files.ts";
import type { Log } from "../log.ts";
import { openNodeRuntime } from "./node-runtime.ts";
import type { Runtime } from "./runtime.ts";

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
  return (await loadProcess()) ? ["process", "kubernetes"] : ["kubernetes"];
}

const MISSING: Record<Exclude<RuntimeName, "kubernetes">, string> = {
  external: "That is what third-party workers are called that are no Berth agent.",
  process: "The process runtime ships with the repository, not with the one file: run dist/agent.mjs from there.",
  docker: "The docker runtime is not part of this version.",
};

/** @throws ConfigError saying what this agent has instead */
async function refuse(name: Exclude<RuntimeName, "kubernetes">): Promise<never> {
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
  open(place: RuntimePlace): Promise<Runtime>;
}

/** @throws ConfigError where this agent does not have the runtime */
export async function findRuntime(name: RuntimeName): Promise<Offered> {
  if (name === "kubernetes") return { whyNoSandbox: undefined, open: async () => openNodeRuntime() };
  const module = name === "process" ? await loadProcess() : undefined;
  if (!module) return refuse(name);
  const whyNoSandbox = await module.whyNoSandbox();
  return {
    whyNoSandbox,
    open: (place) => module.openProcessRuntime({ ...place, sandboxed: whyNoSandbox === undefined }),
  };
}

/** Runs the execution of a directory to its end: what the hidden command of a supervisor does. */
export async function superviseHere(dir: string): Promise<void> {
  const module = await loadProcess();
  if (!module) return refuse("process");
  return module.supervise(dir);
}
