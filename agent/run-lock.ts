// One agent per data directory: two would number their beats against each other.
import { join } from "node:path";
import { ConfigError } from "./config.ts";
import { readJson, writeJson } from "./files.ts";
import { identify, isAlive, ProcessIdentity } from "./processes.ts";

/** Throws where another living agent holds the directory. What a dead one left is taken over. */
export async function takeDataDir(dataDir: string): Promise<void> {
  const path = join(dataDir, "agent.pid");
  const holder = await readJson(path, ProcessIdentity).catch(() => undefined);
  if (holder && holder.pid !== process.pid && isAlive(holder)) {
    throw new ConfigError(`an agent already runs on ${dataDir} (pid ${holder.pid})`);
  }
  const self = identify(process.pid);
  if (self) await writeJson(path, self);
}
