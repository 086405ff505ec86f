// What is kept of a job's log: its newest execution's, after what earlier ones left.
import type { ExecutionId } from "../../../domain/ids.ts";
import { REASONS } from "../../../domain/job/reasons.ts";
import type { Db } from "../../deps.ts";
import { earlierAttempts, type JobRow } from "../../repos/jobs.ts";
import { type LogPart, logEnd, logStore } from "../../repos/logs.ts";

export interface KeptLog {
  readonly text: string;
  /** of its last character in the whole: where the next part begins */
  readonly end: number;
  /** what came before `text` is not kept any more */
  readonly truncated: boolean;
}

const PARTS_AT_ONCE = 200;
/** Where few lines are asked for, this much of the end is read first, in characters. */
const NEAR_THE_END = 64 * 1024;

/** What an execution wrote from a place on, as far as it is kept. */
export async function keptLog(db: Db, id: ExecutionId, from = 0): Promise<KeptLog> {
  const store = logStore(db);
  let log: KeptLog = { text: "", end: from, truncated: false };
  for (;;) {
    const parts = await store.read(id, log.end, PARTS_AT_ONCE);
    log = parts.reduce(joined, log);
    if (parts.length < PARTS_AT_ONCE) return log;
  }
}

/** So many lines of the end of it, or more; the last lines of much need not all of it read. */
export async function keptTail(db: Db, id: ExecutionId, lines: number): Promise<KeptLog> {
  const near = (await logEnd(db, id)) - NEAR_THE_END;
  if (near <= 0) return keptLog(db, id);
  const log = await keptLog(db, id, near);
  return log.text.split("\n").length > lines + 1 ? { ...log, truncated: true } : keptLog(db, id);
}

/** A gap before all of it is the beginning that is not kept; a gap within it is a loss, and is said. */
function joined(log: KeptLog, { start, text }: LogPart): KeptLog {
  const first = log.end === 0;
  const gap = start > log.end;
  const fresh = text.slice(Math.max(0, log.end - start));
  return {
    text: gap && !first ? `${log.text}${noted(log.text, "a part of the log was lost here")}${fresh}` : log.text + fresh,
    end: start + text.length,
    truncated: log.truncated || (gap && first),
  };
}

/** What earlier executions of the job left, each with the line where it ended; "" where they left nothing. */
export async function earlierLogs(db: Db, { job, execution }: Pick<JobRow, "job" | "execution">): Promise<string> {
  if (execution.attempt === 1) return "";
  let all = "";
  for (const earlier of await earlierAttempts(db, job.id, execution.attempt)) {
    const { text } = await keptLog(db, earlier.id);
    if (text === "") continue;
    const why = earlier.reason ? ` ${REASONS[earlier.reason].sentence}` : "";
    all += `${text}${noted(text, `attempt ${earlier.attempt}, on ${earlier.provider}, ended here.${why}`)}`;
  }
  return all;
}

/** A line of ours in a log, told apart from what was written. */
function noted(before: string, words: string): string {
  return `${before === "" || before.endsWith("\n") ? "" : "\n"}--- Berth: ${words} ---\n`;
}
