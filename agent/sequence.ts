// The number of the next signed message. It only grows, over crashes and over several processes: beats of the running
// agent and commands beside it take their numbers from the same file, under a lock.
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, readText, writeWhole } from "./files.ts";
import { identify, isAlive, ProcessIdentity, until } from "./processes.ts";

const LOCK_PATIENCE_MS = 5000;
/** A lock without a holder's name is one that is being written, or one whose writer died in between. */
const NAMELESS_MS = 1000;

export interface Sequence {
  /** @returns a number above all that were ever given, written down before it is used */
  next(): Promise<number>;
  /** Leaves out numbers: the broker knows a higher one than this machine does. */
  jump(by: number): Promise<void>;
}

/** Never below the clock in milliseconds, so that a lost file does not bring old numbers back. */
export async function openSequence(dataDir: string, now: () => number = Date.now): Promise<Sequence> {
  const path = join(dataDir, "sequence");
  let last = 0;

  async function advance(by: number): Promise<number> {
    const release = await lock(`${path}.lock`);
    try {
      const stored = Number((await readText(path)) ?? "0");
      const known = Math.max(last, Number.isSafeInteger(stored) && stored > 0 ? stored : 0);
      const wanted = Math.max(known, Math.min(Math.floor(now()), Number.MAX_SAFE_INTEGER / 2)) + by;
      last = Math.min(wanted, Number.MAX_SAFE_INTEGER);
      await writeWhole(path, `${last}\n`);
      return last;
    } finally {
      await release();
    }
  }

  return {
    next: () => advance(1),
    jump: async (by) => void (await advance(by)),
  };
}

/**
 * Whoever died holding it holds it no more. Two that find a dead holder at the same moment may both go on; then a number
 * is given twice, the broker refuses the second as stale, and its sender takes another.
 */
async function lock(path: string): Promise<() => Promise<void>> {
  let nameless = 0;
  const took = await until(
    async () => {
      try {
        const file = await open(path, "wx", 0o600);
        await file.writeFile(JSON.stringify(identify(process.pid) ?? null));
        await file.close();
        return true;
      } catch (error) {
        if (!isErrno(error, "EEXIST")) throw error;
      }
      const holder = holderOf(await readText(path));
      if (!holder) nameless ||= performance.now();
      else nameless = 0;
      if (holder ? !isAlive(holder) : performance.now() - nameless > NAMELESS_MS) await rm(path, { force: true });
      return false;
    },
    LOCK_PATIENCE_MS,
    5,
  );
  if (!took) throw new Error(`${path} is held by another process`);
  return () => rm(path, { force: true });
}

function holderOf(text: string | undefined): ProcessIdentity | undefined {
  try {
    return ProcessIdentity.safeParse(JSON.parse(text ?? "")).data;
  } catch {
    return undefined;
  }
}
