// The directory of one batch execution: what it was asked, what its runner says, what it left, and how it ended.
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { BATCH_ENDS } from "../../../../domain/execution/batch-state.ts";
import { MAX_RESULT_BYTES } from "../../../../domain/job/batch.ts";
import { isErrno, readJson, writeJson } from "../../../files.ts";

/** How it ended, decided once. What it left lies beside it. */
export const Finish = z.strictObject({
  outcome: z.enum(["completed", "failed", "refused"]),
  end: z.enum(BATCH_ENDS).nullable(),
  detail: z.string(),
  exitCode: z.int().nullable(),
  runMs: z.int().min(0),
  startedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime(),
});
export type Finish = z.infer<typeof Finish>;

/** One byte more than may be: that it was more shows in what is kept of it. */
export const MOST_STDOUT_BYTES = MAX_RESULT_BYTES + 1;

export function batchFiles(dir: string) {
  return {
    home: join(dir, "home"),
    input: join(dir, "input"),
    args: join(dir, "args"),
    stdout: join(dir, "stdout"),
    stderr: join(dir, "stderr"),
    finish: join(dir, "finish.json"),
  };
}

export const readFinish = (dir: string) => readJson(batchFiles(dir).finish, Finish);
export const writeFinish = (dir: string, finish: Finish) => writeJson(batchFiles(dir).finish, finish);

/** @returns empty where there is none */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return Buffer.alloc(0);
    throw error;
  }
}

export async function sizeOf(path: string): Promise<number> {
  try {
    const file = await open(path);
    try {
      return (await file.stat()).size;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isErrno(error, "ENOENT")) return 0;
    throw error;
  }
}
