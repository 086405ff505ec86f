// Files that must never be seen half-written: whole contents appear at once, by rename.
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { z } from "zod";

/** Replaces a file as a whole. Readers see the old contents or the new, never a part. */
export async function writeWhole(path: string, contents: string, mode = 0o600): Promise<void> {
  const draft = `${path}.${process.pid}.draft`;
  await writeFile(draft, contents, { mode });
  try {
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeWhole(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** @returns undefined where the file is absent; throws where it is there but not what it should be */
export async function readJson<S extends z.ZodType>(path: string, schema: S): Promise<z.infer<S> | undefined> {
  const text = await readText(path);
  return text === undefined ? undefined : schema.parse(JSON.parse(text));
}

export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}
