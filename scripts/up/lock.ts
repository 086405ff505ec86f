// One `up` per data directory. Each writes its own entry before it looks for others, so two can never both go on;
// the entry of a process that is gone (the start mark tells it from a later one of the same id) counts for nothing.
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isAlive, startMarkOf } from "../processes.ts";

export interface Lock {
  release(): Promise<void>;
}

/** Thrown when another living process holds the directory. */
export class HeldError extends Error {
  constructor(
    dataDir: string,
    readonly pid: number,
  ) {
    super(`Berth is already up on ${dataDir}, as process ${pid}. End that one first, or name another --data-dir.`);
  }
}

/** @throws HeldError where a living process has the lock */
export async function lockDataDir(dataDir: string, pid = process.pid): Promise<Lock> {
  const folder = join(dataDir, "lock");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const entry = join(folder, String(pid));
  await writeFile(entry, await startMarkOf(pid));
  for (const name of await readdir(folder)) {
    const other = Number(name);
    if (other === pid) continue;
    const mark = await readFile(join(folder, name), "utf8").catch(() => undefined);
    if (mark === undefined) continue; // released in between
    if (isAlive(other) && mark === (await startMarkOf(other))) {
      await rm(entry, { force: true });
      throw new HeldError(dataDir, other);
    }
    await rm(join(folder, name), { force: true });
  }
  return { release: () => rm(entry, { force: true }) };
}
