// What a job wrote: from inside while it runs on a node, else from what is kept. Of a batch job: its stderr, once decided.
import type { Principal } from "../../../domain/account/principal.ts";
import { isAppError } from "../../../domain/errors.ts";
import type { ExecutionStatus } from "../../../domain/execution/state.ts";
import type { JobId } from "../../../domain/ids.ts";
import { tailOf } from "../../../domain/job/log-tail.ts";
import { isNode } from "../../../domain/provider/state.ts";
import type { LogsView } from "../../../protocol/job-views.ts";
import type { Deps } from "../../deps.ts";
import { findBatchLog } from "../../repos/batch-jobs.ts";
import { findJob, type JobRow } from "../../repos/jobs.ts";
import { noSuchJob } from "./get-job.ts";
import { earlierLogs, type KeptLog, keptTail } from "./kept-log.ts";
import { insideOf, whereaboutsOf } from "./whereabouts.ts";

export type LogDeps = Pick<Deps, "db" | "clock" | "inside" | "secrets" | "wakes">;

export interface LogsAsked {
  /** lines of the past; null for the usual */
  readonly tailLines: number | null;
  readonly signal: AbortSignal;
}

/** Lines of the past where nobody says how many, and most. */
export const USUAL_LINES = 200;
export const MOST_LINES = 10_000;
/** Most of a log in one answer, in bytes. */
export const MOST_BYTES = 1024 * 1024;

/**
 * The end of what it wrote, as it is: control characters are whoever shows it to mind. Empty before it runs.
 * @throws AppError `not-found` for another account's too, `unavailable` where it cannot be read now and nothing is kept
 */
export async function readLogs(deps: LogDeps, owner: Principal, id: JobId, asked: LogsAsked): Promise<LogsView> {
  const lines = asked.tailLines ?? USUAL_LINES;
  const row = await findJob(deps.db, owner.account, id);
  if (!row) {
    const batch = await findBatchLog(deps.db, owner.account, id);
    if (!batch) throw noSuchJob();
    const { text, cut } = tailOf(batch.stderr ?? "", lines, MOST_BYTES);
    return { logs: text, truncated: cut };
  }
  const [earlier, newest] = await Promise.all([
    earlierLogs(deps.db, row),
    isReadInside(row) ? insideOrKept(deps, row, lines, asked.signal) : keptTail(deps.db, row.execution.id, lines),
  ]);
  const { text, cut } = tailOf(earlier + newest.text, lines, MOST_BYTES);
  return { logs: text, truncated: cut || newest.truncated };
}

const RUNS_INSIDE: readonly ExecutionStatus[] = ["running", "unreachable", "stopping"];

/** Of pods the log is where they are; agents send theirs. */
export function isReadInside({ execution, provider }: Pick<JobRow, "execution" | "provider">): boolean {
  return isNode(provider.runtime) && execution.startedAt !== null && RUNS_INSIDE.includes(execution.status);
}

/** What a pod wrote, in parts of any size. */
export function logsInside(
  deps: Pick<Deps, "inside" | "secrets">,
  row: JobRow,
  options: { readonly tailLines: number; readonly follow: boolean; readonly signal: AbortSignal },
): AsyncIterable<string> {
  return insideOf(deps, row.provider.runtime).logs(whereaboutsOf(deps, row), options);
}

/** Whether it is only that nothing can be read there now, or any more. */
export function isAway(error: unknown): boolean {
  return isAppError(error) && (error.code === "conflict" || error.code === "unavailable");
}

async function insideOrKept(
  deps: LogDeps,
  row: JobRow,
  lines: number,
  signal: AbortSignal,
): Promise<Pick<KeptLog, "text" | "truncated">> {
  try {
    let text = "";
    let truncated = false;
    // One line more than is shown tells whether there are more.
    for await (const part of logsInside(deps, row, { tailLines: lines + 1, follow: false, signal })) {
      text += part;
      if (text.length <= 2 * MOST_BYTES) continue;
      text = text.slice(-MOST_BYTES);
      truncated = true;
    }
    return { text, truncated };
  } catch (error) {
    if (!isAway(error)) throw error;
    const kept = await keptTail(deps.db, row.execution.id, lines);
    if (kept.text === "" && isAppError(error) && error.code === "unavailable") throw error;
    return kept;
  }
}
