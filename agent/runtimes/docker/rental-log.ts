// The log of one workspace, for its customer: what happened to it, and what its first process wrote.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openWorkspaceLog, readWorkspaceLog } from "../process/workspace-log.ts";
import type { LogText } from "../runtime.ts";
import { type Engine, openStream } from "./engine.ts";
import { capture, readFrames } from "./frames.ts";

const LAST_LINES = 5;
const MOST_KEPT = 64 * 1024;
const LONGEST_LINE = 8192;

export interface RentalLog {
  readonly dir: string;
  /** A line of this agent's own. */
  tell(line: string): void;
  /** A line of the container's, with the time that the engine gave it. */
  add(line: string, at: Date): void;
  read(offset: number): Promise<LogText | null>;
  /** How many lines of the container are in it: engines tell times too coarsely to go on by them. */
  taken(): number;
}

export function openRentalLog(executionDir: string): RentalLog {
  const dir = join(executionDir, "log");
  let time = new Date();
  const write = openWorkspaceLog(dir, () => time);
  const count = join(executionDir, "log-lines");
  let taken = countIn(count);
  const put = (line: string, at: Date) => {
    time = at;
    write(line);
  };
  return {
    dir,
    add(line, at) {
      put(line, at);
      taken += 1;
      try {
        writeFileSync(count, String(taken), { mode: 0o600 });
      } catch {
        // A full disk must not end a rental: after a restart a line may come twice.
      }
    },
    tell: (line) => put(line, new Date()),
    read: (offset) => readWorkspaceLog(dir, offset),
    taken: () => taken,
  };
}

function countIn(path: string): number {
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10) || 0;
  } catch {
    return 0;
  }
}

/** Goes on after the last line that is known, until the container ends. */
export async function followLog(engine: Engine, id: string, log: RentalLog, signal: AbortSignal): Promise<void> {
  const query = { stdout: 1, stderr: 1, follow: 1, timestamps: 1 };
  let known = log.taken();
  const stream = await openStream(engine, { method: "GET", path: `/containers/${id}/logs`, query, signal });
  const rests = new Map<number, string>();
  const frames = readFrames((which, bytes) => {
    const lines = `${rests.get(which) ?? ""}${bytes.toString("utf8")}`.split("\n");
    rests.set(which, (lines.pop() ?? "").slice(0, LONGEST_LINE));
    for (const line of lines) {
      const space = line.indexOf(" ");
      const at = new Date(line.slice(0, space));
      known -= 1;
      if (Number.isNaN(at.getTime()) || known >= 0) continue;
      log.add(line.slice(space + 1), at);
    }
  });
  for await (const chunk of stream) frames(chunk);
}

/** What a container said last: why it could not be a workspace. */
export async function lastLine(engine: Engine, id: string): Promise<string> {
  const query = { stdout: 1, stderr: 1, tail: LAST_LINES };
  const signal = AbortSignal.timeout(10_000);
  const stream = await openStream(engine, { method: "GET", path: `/containers/${id}/logs`, query, signal });
  const kept = capture(MOST_KEPT, MOST_KEPT);
  const frames = readFrames(kept.take);
  for await (const chunk of stream) frames(chunk);
  const lines = [kept.stdout(), kept.stderr()].flatMap((bytes) => bytes.toString("utf8").trim().split("\n"));
  return lines.findLast((line) => line !== "")?.slice(0, 500) ?? "";
}
