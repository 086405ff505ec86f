// The number of the next beat. It only grows, over crashes too: numbers are reserved on disk in blocks before use.
import { join } from "node:path";
import { readText, writeWhole } from "./files.ts";

const BLOCK = 1000;

export interface Sequence {
  next(): Promise<number>;
}

/**
 * Starts above everything reserved before and never below the clock in milliseconds, so that a lost file does not
 * bring old numbers back.
 */
export async function openSequence(dataDir: string, now: () => number = Date.now): Promise<Sequence> {
  const path = join(dataDir, "sequence");
  const stored = Number((await readText(path)) ?? "0");
  let last = Math.max(Number.isSafeInteger(stored) ? stored : 0, now());
  let reserved = last;
  return {
    async next() {
      if (last >= reserved) {
        reserved = last + BLOCK;
        await writeWhole(path, `${reserved}\n`);
      }
      last += 1;
      return last;
    },
  };
}
