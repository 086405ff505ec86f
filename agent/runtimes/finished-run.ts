// What is left of an execution of a batch job when it has ended: shared by all runtimes, so that all keep the same rules.
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { BatchEnd } from "../../domain/execution/batch-state.ts";
import { MAX_RESULT_BYTES, MAX_STDERR_BYTES } from "../../domain/job/batch.ts";
import { isErrno } from "../files.ts";

/** What the wire takes of one result. */
const MOST_FILES = 1024;
const LONGEST_PATH = 512;
const MOST_DEPTH = 64;
const LONGEST_DETAIL = 2000;

export interface CollectedFile {
  /** relative to the working directory, with `/` between its parts */
  readonly path: string;
  readonly content: Buffer;
}

export interface FinishedRun {
  /** `completed`: exit code 0 and everything collected; `refused`: it was never begun */
  readonly outcome: "completed" | "failed" | "refused";
  /** null where it completed */
  readonly end: BatchEnd | null;
  /** for people, storable; "" where there is nothing to say */
  readonly detail: string;
  readonly exitCode: number | null;
  /** whole milliseconds from the start of its program to its end; 0 where it never started */
  readonly runMs: number;
  /** by the broker's clock; null where it never started */
  readonly startedAt: Date | null;
  /** whole where it completed; otherwise what can be told of it, empty where that is no text */
  readonly stdout: Buffer;
  /** its last 64 KiB */
  readonly stderr: Buffer;
  /** sorted by path; empty where it did not complete */
  readonly files: readonly CollectedFile[];
}

/** Why there is no result although the program ended. */
export interface Shortfall {
  readonly end: BatchEnd;
  readonly detail: string;
}

/** How a program ended, before anybody has looked at what it left. */
export interface Ended {
  readonly exitCode: number | null;
  readonly runMs: number;
  readonly startedAt: Date | null;
  /** all of it, or its first `MAX_RESULT_BYTES` and at least one byte more */
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** where something else than the program ended it, such as its timeout */
  readonly cut?: Shortfall | undefined;
}

/**
 * The result of a program that ran.
 * @param collect called only where it counts: reads the output files into what stdout leaves of the budget
 */
export async function finish(
  ended: Ended,
  collect: (budgetBytes: number) => Promise<readonly CollectedFile[] | Shortfall>,
): Promise<FinishedRun> {
  const { exitCode, runMs, startedAt, stdout } = ended;
  const base = { exitCode, runMs, startedAt, stderr: tailOf(ended.stderr) };
  const fail = ({ end, detail }: Shortfall): FinishedRun => {
    const told = stdout.subarray(0, MAX_RESULT_BYTES);
    const kept = isText(told) ? told : Buffer.alloc(0);
    return { ...base, outcome: "failed", end, detail: storable(detail), stdout: kept, files: [] };
  };
  if (ended.cut) return fail(ended.cut);
  if (stdout.length > MAX_RESULT_BYTES) return fail(tooLarge());
  if (exitCode !== 0) return fail({ end: "exit-code", detail: exitWords(exitCode) });
  if (!isText(stdout))
    return fail({ end: "not-text", detail: "Its stdout is no UTF-8 text or holds a NUL: write bytes to a file." });
  const files = await collect(MAX_RESULT_BYTES - stdout.length);
  if ("end" in files) return fail(files);
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  return { ...base, outcome: "completed", end: null, detail: "", stdout, files: sorted };
}

/** What was never begun: `cannot-run` where it is not the machine's fault. */
export function refused({ end, detail }: Shortfall): FinishedRun {
  const empty = Buffer.alloc(0);
  return {
    ...{ outcome: "refused", end, detail: storable(detail), exitCode: null, runMs: 0, startedAt: null },
    ...{ stdout: empty, stderr: empty, files: [] },
  };
}

export function tooLarge(): Shortfall {
  const most = `${MAX_RESULT_BYTES / 1024} KiB`;
  return { end: "too-large", detail: `Its stdout and output files are more than ${most} together.` };
}

/** UTF-8 without a NUL: what every database keeps as it came. */
export function isText(bytes: Buffer): boolean {
  if (bytes.includes(0)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

export function tailOf(bytes: Buffer): Buffer {
  return bytes.subarray(Math.max(0, bytes.length - MAX_STDERR_BYTES));
}

function exitWords(exitCode: number | null): string {
  if (exitCode === null) return "It ended without an exit code.";
  const signal = exitCode > 128 && exitCode <= 192 ? `: killed by signal ${exitCode - 128}` : "";
  return `It ended with exit code ${exitCode}${signal}.`;
}

function storable(detail: string): string {
  return detail.slice(0, LONGEST_DETAIL).replace(/[^\P{C}\n]/gu, " ");
}

/**
 * Reads declared output files and folders, once nothing runs there any more. Only regular files and folders count: a link
 * could lead out of the working directory, a device or a pipe has no end.
 * @param root working directory as this process sees it
 * @returns in no order, or why not
 */
export async function collectFiles(
  root: string,
  wanted: readonly string[],
  budgetBytes: number,
): Promise<readonly CollectedFile[] | Shortfall> {
  const found = new Map<string, CollectedFile>();
  let left = budgetBytes;

  async function take(path: string, depth: number): Promise<Shortfall | undefined> {
    if (found.has(path)) return undefined;
    if (path.length > LONGEST_PATH || depth > MOST_DEPTH)
      return { end: "too-large", detail: `The path of an output file is longer than ${LONGEST_PATH} characters.` };
    const stats = await lstat(join(root, path));
    if (stats.isDirectory()) return takeAll(path, depth);
    if (!stats.isFile()) return missing(path, `is ${whatIs(stats)}: only regular files and folders are collected`);
    if (stats.size > left) return tooLarge();
    if (found.size >= MOST_FILES)
      return { end: "too-large", detail: `There are more than ${MOST_FILES} output files.` };
    const content = await readPlain(join(root, path), left);
    if (content === null) return tooLarge();
    left -= content.length;
    found.set(path, { path, content });
    return undefined;
  }

  async function takeAll(folder: string, depth: number): Promise<Shortfall | undefined> {
    for (const raw of await readdir(join(root, folder), { encoding: "buffer" })) {
      if (!isText(raw)) return { end: "not-text", detail: `The name of a file in ${folder} is no UTF-8 text.` };
      const short = await take(folder === "." ? raw.toString() : `${folder}/${raw.toString()}`, depth + 1);
      if (short) return short;
    }
    return undefined;
  }

  for (const path of wanted) {
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    if (path.startsWith("/") || parts.includes(".."))
      return missing(path, "leads out of the working directory: it is not collected");
    try {
      const short = (await behindLink(root, parts)) ?? (await take(parts.join("/") || ".", parts.length));
      if (short) return short;
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR")) return missing(path, "is not there");
      if (isErrno(error, "EACCES", "EPERM", "ELOOP")) return missing(path, "cannot be read");
      throw error;
    }
  }
  return [...found.values()];
}

/** Whether the way to a declared path leads over a link. */
async function behindLink(root: string, parts: readonly string[]): Promise<Shortfall | undefined> {
  for (let upTo = 1; upTo < parts.length; upTo++) {
    const folder = parts.slice(0, upTo).join("/");
    const stats = await lstat(join(root, folder));
    if (!stats.isDirectory()) return missing(folder, `is ${whatIs(stats)}, no folder`);
  }
  return undefined;
}

/** @returns null where it holds more than `most` bytes */
async function readPlain(path: string, most: number): Promise<Buffer | null> {
  const file: FileHandle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(Math.min(most, (await file.stat()).size) + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      length += bytesRead;
      if (bytesRead === 0) return buffer.subarray(0, length);
      if (length === buffer.length) return null;
    }
  } finally {
    await file.close();
  }
}

function missing(path: string, what: string): Shortfall {
  return { end: "missing-file", detail: `The output file ${path} ${what}.` };
}

function whatIs(stats: Stats): string {
  if (stats.isSymbolicLink()) return "a link";
  if (stats.isFIFO()) return "a pipe";
  if (stats.isSocket()) return "a socket";
  return stats.isFile() ? "a file" : "a device";
}
