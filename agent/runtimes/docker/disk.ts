// How much an execution may write. Engines limit a volume only on some file systems, so the agent looks.
import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";
import { rest } from "../../pace.ts";
import { type Shortfall, tooLarge } from "../finished-run.ts";

const LOOK_EVERY_MS = 2000;
const GB = 1024 ** 3;

/**
 * Resolves when more is in a working directory than may be; never where this machine cannot look into it.
 * @param source the directory as the machine sees it
 */
export async function diskFull(source: string | null, diskGb: number, signal: AbortSignal): Promise<Shortfall> {
  while (source !== null && !signal.aborted) {
    await rest(LOOK_EVERY_MS, signal);
    const bytes = await sizeOf(source, signal);
    if (bytes === undefined) break;
    if (bytes > diskGb * GB) return { end: "out-of-disk", detail: `It wrote more than its ${diskGb} GB of disk.` };
  }
  return new Promise(() => undefined);
}

async function sizeOf(dir: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    const { stdout } = await promisify(execFile)("du", ["-sx", "--block-size=1", dir], { signal });
    return Number.parseInt(stdout, 10);
  } catch (error) {
    // Files that go while it counts are no error worth stopping for: what it counted stands on its stdout.
    const counted =
      error instanceof Error && "stdout" in error ? Number.parseInt(String(error.stdout), 10) : Number.NaN;
    return Number.isNaN(counted) ? undefined : counted;
  }
}

/** Podman reads its logs slower than a program writes them, so their file is looked at too. It has a time in each line. */
const MOST_LOG_FILE_BYTES = 256 * 1024 ** 2;

/** Resolves when the engine's file of what a program wrote is larger than any result could make it. */
export async function logTooLarge(path: string, signal: AbortSignal): Promise<Shortfall> {
  while (path !== "" && !signal.aborted) {
    await rest(LOOK_EVERY_MS / 2, signal);
    const bytes = await stat(path).then(
      ({ size }) => size,
      () => undefined,
    );
    if (bytes === undefined) break;
    if (bytes > MOST_LOG_FILE_BYTES) return tooLarge();
  }
  return new Promise(() => undefined);
}
