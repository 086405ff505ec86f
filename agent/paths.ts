// Where things are on this machine: one place for an installed agent, one for a person's own.
import { existsSync } from "node:fs";
import os from "node:os";
import { join, resolve } from "node:path";

export const SYSTEM_CONFIG = "/etc/berth/agent.yaml";
export const SYSTEM_DATA = "/var/lib/berth-agent";
/** What makes the installed agent a command; written by `install`. */
export const LAUNCHER = "/usr/local/bin/berth-agent";

export interface PathFlags {
  readonly dataDir?: string | undefined;
  readonly config?: string | undefined;
}

export interface Paths {
  /** Identity, number, executions and status. */
  readonly dataDir: string;
  /** What the owner said about this machine. */
  readonly config: string;
}

/**
 * What is given wins. Without, root and everybody on a machine that has the system's config share the system's places;
 * other people have their own in their home.
 * @param forSystem whether a service for the whole machine is meant
 */
export function resolvePaths(flags: PathFlags, forSystem = false): Paths {
  if (flags.dataDir !== undefined) {
    const dataDir = resolve(flags.dataDir);
    return { dataDir, config: resolve(flags.config ?? join(dataDir, "agent.yaml")) };
  }
  const own = join(os.homedir(), ".berth-agent");
  const installed = existsSync(SYSTEM_CONFIG) || forSystem;
  const ofSystem = installed || (process.getuid?.() === 0 && !existsSync(join(own, "provider.json")));
  const dataDir = ofSystem ? SYSTEM_DATA : own;
  return { dataDir, config: resolve(flags.config ?? (ofSystem ? SYSTEM_CONFIG : join(own, "agent.yaml"))) };
}
