// The log of one workspace, for its customer: what happened to it and who came in. What they did there is theirs.
//
// It is one text, of which the beginning may be gone: files that are each named by the place of their first character,
// so that a place stays what it is when older files go.
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../files.ts";
import type { LogText } from "../runtime.ts";

const FILE_BYTES = 256 * 1024;
const MOST_FILES = 4;
const MOST_IN_PART = 65_536;
const LONGEST_LINE = 1000;

/** Writes a line. A full disk must not end a session: failures are swallowed. */
export type WorkspaceLog = (line: string) => void;

export function openWorkspaceLog(
  dir: string,
  now: () => Date = () => new Date(),
  fileBytes = FILE_BYTES,
): WorkspaceLog {
  return (line) => {
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const text = `${now().toISOString()} ${clean(line)}\n`;
      appendFileSync(fileToWrite(dir, fileBytes), text, { mode: 0o600 });
    } catch {
      // See above.
    }
  };
}

/** Whole lines from a place on, or from the first that is left; null where there is nothing more. */
export async function readWorkspaceLog(dir: string, offset: number): Promise<LogText | null> {
  const starts = startsOf(await namesIn(dir));
  const start = starts.findLast((each) => each <= offset) ?? starts[0];
  if (start === undefined) return null;
  const path = fileAt(dir, start);
  const from = Math.max(offset, start) - start;
  if ((await stat(path)).size <= from) return null; // no character has less than a byte
  const rest = (await readFile(path, "utf8")).slice(from, from + MOST_IN_PART);
  const text = rest.slice(0, rest.lastIndexOf("\n") + 1);
  return text === "" ? null : { offset: start + from, text };
}

/** The next file begins where this one ends, once this one is full. */
function fileToWrite(dir: string, fileBytes: number): string {
  const starts = startsOf(readdirSync(dir));
  const last = starts.at(-1);
  if (last === undefined) return fileAt(dir, 0);
  const path = fileAt(dir, last);
  if (statSync(path).size < fileBytes) return path;
  for (const old of starts.slice(0, Math.max(0, starts.length + 1 - MOST_FILES))) rmSync(fileAt(dir, old));
  return fileAt(dir, last + readFileSync(path, "utf8").length);
}

const fileAt = (dir: string, start: number) => join(dir, `${String(start).padStart(16, "0")}.log`);

function startsOf(names: readonly string[]): number[] {
  return names
    .filter((name) => /^\d{16}\.log$/.test(name))
    .map((name) => Number(name.slice(0, 16)))
    .sort((a, b) => a - b);
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** One line, with nothing in it that a terminal would act on or a database refuse. */
function clean(line: string): string {
  return line.slice(0, LONGEST_LINE).replace(/[\p{Cc}\p{Cs}\p{Cf}\u2028\u2029]/gu, " ");
}
