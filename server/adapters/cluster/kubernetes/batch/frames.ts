// The collector's log, read and judged. It was written by a program of the customer's image: whatever it says, it can only
// speak for the customer's own job.

import type { BatchRun, BatchShortfall } from "../../../../../domain/execution/batch-run.ts";
import type { BatchEnd } from "../../../../../domain/execution/batch-state.ts";
import { MAX_RESULT_BYTES, MAX_STDERR_BYTES } from "../../../../../domain/job/batch.ts";

export const MOST_FILES = 1024;
const LONGEST_PATH = 512;
/** Most that a whole log has: hexadecimal digits with a space between them, names, and the frames. */
export const MOST_LOG_BYTES = 3.5 * (MAX_RESULT_BYTES + MAX_STDERR_BYTES) + MOST_FILES * 3.5 * LONGEST_PATH;

/** What the machine knows of the run besides. */
export interface RanFor {
  /** by its kubelet, whole seconds */
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly oomKilled: boolean;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
}

interface Frames {
  readonly code: number;
  readonly ms: number;
  readonly late: boolean;
  readonly stdoutBytes: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly files: readonly { readonly path: Buffer; readonly content: Buffer }[];
  readonly short: { readonly why: string; readonly path: Buffer } | null;
}

/** @returns null where the log is not whole */
export function runOf(log: string, ran: RanFor): BatchRun | null {
  const frames = framesOf(log);
  if (!frames) return null;
  const { code, stdout, stderr } = frames;
  const runMs = believed(frames.ms, ran);
  const base = { exitCode: code, runMs, startedAt: ran.startedAt, stderr };
  const short = shortfallOf(frames, ran);
  if (short) return { ...base, ...short, stdout: isText(stdout) ? stdout : Buffer.alloc(0), files: [] };
  const files = new Map(frames.files.map(({ path, content }) => [path.toString(), content]));
  return {
    ...{ ...base, end: null, detail: "", stdout },
    files: [...files].map(([path, content]) => ({ path, content })),
  };
}

/** Never further from what the kubelet saw than its whole seconds leave open: customers measure what they pay by. */
function believed(ms: number, { startedAt, finishedAt }: RanFor): number {
  const seenMs = finishedAt.getTime() - startedAt.getTime();
  return Math.max(0, seenMs - 1000, Math.min(ms, seenMs + 1000));
}

function shortfallOf(frames: Frames, ran: RanFor): BatchShortfall | null {
  const { code, late, stdoutBytes, stdout, files, short } = frames;
  if (late) return fault("timed-out", `It ran for more than ${ran.timeoutSeconds} s.`);
  // Whether memory was why, the kubelet says; by itself 137 is an exit code like any other.
  if (code !== 0 && ran.oomKilled)
    return fault("out-of-memory", `It needed more than its ${ran.memoryMb} MB of memory.`);
  if (stdoutBytes > MAX_RESULT_BYTES) return TOO_LARGE;
  if (code !== 0) return fault("exit-code", exitWords(code));
  if (!isText(stdout)) return fault("not-text", "Its stdout is no UTF-8 text or holds a NUL: write bytes to a file.");
  if (short) return missed(short.why, short.path.toString());
  if (files.some(({ path }) => !isText(path))) return fault("not-text", "The name of an output file is no UTF-8 text.");
  if (files.some(({ path }) => path.toString().length > LONGEST_PATH))
    return fault("too-large", `The path of an output file is longer than ${LONGEST_PATH} characters.`);
  return null;
}

const fault = (end: BatchEnd, detail: string): BatchShortfall => ({ end, detail });

const TOO_LARGE = fault(
  "too-large",
  `Its stdout and output files are more than ${MAX_RESULT_BYTES / 1024} KiB together.`,
);

function missed(why: string, path: string): BatchShortfall {
  if (why === "large") return TOO_LARGE;
  if (why === "many") return fault("too-large", `There are more than ${MOST_FILES} output files.`);
  const what: Readonly<Record<string, string>> = {
    link: "is a link: only regular files and folders are collected",
    other: "is a device or a pipe: only regular files and folders are collected",
    unreadable: "cannot be read",
  };
  return fault("missing-file", `The output file ${path} ${what[why] ?? "is not there"}.`);
}

function exitWords(code: number): string {
  const signal = code > 128 && code <= 192 ? `: killed by signal ${code - 128}` : "";
  return `It ended with exit code ${code}${signal}.`;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function isText(bytes: Buffer): boolean {
  if (bytes.includes(0)) return false;
  try {
    UTF8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Strict: a line more, a byte less, and it is nothing. */
function framesOf(log: string): Frames | null {
  const lines = log.split("\n");
  let at = 0;
  const match = (pattern: RegExp) => {
    const found = pattern.exec(lines[at] ?? "");
    if (found) at += 1;
    return found;
  };
  const how = match(/^berth-run-1 (base64|hex)$/)?.[1];
  const block = (): Buffer => {
    const from = at;
    while (at < lines.length && lines[at] !== ".") at += 1;
    const text = lines.slice(from, at).join("");
    at += 1;
    return how === "hex" ? Buffer.from(text.replaceAll(/\s/g, ""), "hex") : Buffer.from(text, "base64");
  };
  const exit = match(/^exit (\d{1,3}) (-?\d{1,15}) ([01])$/);
  const stdoutBytes = Number(match(/^stdout (\d{1,15})$/)?.[1] ?? Number.NaN);
  const stdout = block();
  const stderrBytes = Number(match(/^stderr (\d{1,15})$/)?.[1] ?? Number.NaN);
  const stderr = block();
  if (!how || !exit || stdout.length !== Math.min(stdoutBytes, MAX_RESULT_BYTES)) return null;
  if (stderr.length !== Math.min(stderrBytes, MAX_STDERR_BYTES)) return null;
  const files: { path: Buffer; content: Buffer }[] = [];
  for (let head = match(/^file (\d{1,15})$/); head; head = match(/^file (\d{1,15})$/)) {
    const path = block();
    const content = block();
    if (content.length !== Number(head[1]) || files.length >= MOST_FILES) return null;
    files.push({ path, content });
  }
  const why = match(/^short ([a-z]{1,20})$/)?.[1];
  const short = why === undefined ? null : { why, path: block() };
  if (!match(/^end$/) || at !== lines.length - 1 || lines[at] !== "") return null;
  const [, code, ms, late] = exit;
  return {
    ...{ code: Number(code), ms: Number(ms), late: late === "1" },
    ...{ stdoutBytes, stdout, stderr, files, short },
  };
}
