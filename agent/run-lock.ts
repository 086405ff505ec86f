// One agent per data directory: two would number their beats against each other.
import { join } from "node:path";
import { ConfigError } from "./config.ts";
import { readJson, writeJson } from "./files.ts";
import { identify, isAlive, ProcessIdentity } from "./processes.ts";

const pidPath = (dataDir: string) => join(dataDir, "agent.pid");

/** @returns the pid of the living agent that holds the directory */
export async function agentOn(dataDir: string): Promise<number | undefined> {
  const holder = await readJson(pidPath(dataDir), ProcessIdentity).catch(() => undefined);
  return holder && isAlive(holder) ? holder.pid : undefined;
}

/** Throws where another living agent holds the directory. What a dead one left is taken over. */
export async function takeDataDir(dataDir: string): Promise<void> {
  const holder = await agentOn(dataDir);
  if (holder !== undefined && holder !== process.pid) {
    throw new ConfigError(`an agent already runs on ${dataDir} (pid ${holder})`);
  }
  const self = identify(process.pid);
  if (self) await writeJson(pidPath(dataDir), self);
}
