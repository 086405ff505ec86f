// A job's log as it grows: what was, then what comes, until the job is over.
//
// What is kept has places (offsets), so a follower that comes back goes on where it was: nothing twice, nothing lost but
// what is not kept any more. Of a pod the cluster knows no places: a follower that comes back, or whose connection broke,
// begins anew with up to MOST_LINES lines. Nothing is lost then unless more was written meanwhile; what comes again comes
// after a `reset`.
import type { Principal } from "../../../domain/account/principal.ts";
import { isLive } from "../../../domain/execution/state.ts";
import { type ExecutionId, isId, type JobId } from "../../../domain/ids.ts";
import { tailOf } from "../../../domain/job/log-tail.ts";
import { isNode } from "../../../domain/provider/state.ts";
import { findBatchLog } from "../../repos/batch-jobs.ts";
import { findJob, type JobRow } from "../../repos/jobs.ts";
import { logsTopic } from "../../repos/logs.ts";
import { type Bell, hangBell } from "../bell.ts";
import { noSuchJob } from "./get-job.ts";
import { earlierLogs, keptLog } from "./kept-log.ts";
import { isAway, isReadInside, type LogDeps, logsInside, MOST_BYTES, MOST_LINES, USUAL_LINES } from "./read-logs.ts";

export type LogNews =
  /** forget what was shown: what follows is the log from its end on */
  | { readonly kind: "reset"; readonly truncated: boolean }
  /** @property place where to go on, for `after` */
  | { readonly kind: "text"; readonly text: string; readonly place: string }
  /** the job is over, and nothing more comes */
  | { readonly kind: "end" };

export interface FollowAsked {
  /** lines of the past; null for the usual */
  readonly tailLines: number | null;
  /** the last place that was seen; null for the first time */
  readonly after: string | null;
  readonly signal: AbortSignal;
}

/** A lost wake is found this late. */
const LOOK_AGAIN_MS = 15_000;
/** How soon a pod that could not be read is tried again. */
const RETRY_MS = 5_000;
/** The last words of an agent's execution may come this long after its end. */
const LATE_MS = 4_000;
/** Whatever ended longer ago than this has said all. */
const RECENT_MS = 60_000;
/** Where whoever read the log of a batch job is: at its end. */
const BATCH_PLACE = "all";
/** As much of what was sent tells whether what is kept ends with it. */
const LAST_WORDS = 1_024;

/** @throws AppError `not-found` at once, for another account's job too */
export async function followLogs(
  deps: LogDeps,
  owner: Principal,
  id: JobId,
  asked: FollowAsked,
): Promise<AsyncIterable<LogNews>> {
  if (await findJob(deps.db, owner.account, id)) return follow(deps, owner, id, asked);
  if (await findBatchLog(deps.db, owner.account, id)) return followBatch(deps, owner, id, asked);
  throw noSuchJob();
}

/** A batch job says nothing before its verdict, and all at once with it. */
async function* followBatch(
  deps: LogDeps,
  { account }: Principal,
  id: JobId,
  asked: FollowAsked,
): AsyncGenerator<LogNews> {
  const { tailLines, after, signal } = asked;
  const bell = hangBell(deps.wakes, id);
  try {
    while (!signal.aborted) {
      const { stderr } = (await findBatchLog(deps.db, account, id)) ?? { stderr: null };
      if (stderr === null) {
        await bell.heard(LOOK_AGAIN_MS, signal);
        continue;
      }
      if (after !== BATCH_PLACE) {
        const { text, cut } = tailOf(stderr, tailLines ?? USUAL_LINES, MOST_BYTES);
        yield { kind: "reset", truncated: cut };
        if (text) yield { kind: "text", text, place: BATCH_PLACE };
      }
      return yield { kind: "end" };
    }
  } finally {
    bell.stop();
  }
}

/** One execution after the other: a job that is placed again goes on with its next. */
async function* follow(deps: LogDeps, owner: Principal, id: JobId, asked: FollowAsked): AsyncGenerator<LogNews> {
  const { signal } = asked;
  let from = placeOf(asked.after);
  let lines = asked.after === null ? (asked.tailLines ?? USUAL_LINES) : MOST_LINES;
  while (!signal.aborted) {
    const row = await findJob(deps.db, owner.account, id);
    if (!row) return;
    const bell = hangBell(deps.wakes, id, logsTopic(row.execution.id));
    const current = async () => {
      const now = await findJob(deps.db, owner.account, id);
      return now?.execution.id === row.execution.id ? now : null;
    };
    try {
      const one = { deps, row, current, bell, lines, signal };
      const over = isNode(row.provider.runtime) ? yield* followPod(one) : yield* followKept(one, from);
      if (over) return yield { kind: "end" };
    } finally {
      bell.stop();
    }
    from = null;
    lines = MOST_LINES;
  }
}

interface One {
  readonly deps: LogDeps;
  readonly row: JobRow;
  /** the row as it is now; null where the job went on to another execution */
  readonly current: () => Promise<JobRow | null>;
  /** rings when the job or this execution's log changed */
  readonly bell: Bell;
  readonly lines: number;
  readonly signal: AbortSignal;
}

/** @returns whether the job is over */
async function* followKept(
  { deps, row, current, bell, lines, signal }: One,
  from: Place | null,
): AsyncGenerator<LogNews, boolean> {
  const { id } = row.execution;
  let end = from?.execution === id ? from.offset : null;
  if (end === null) {
    const kept = await keptLog(deps.db, id);
    yield* anew(id, (await earlierLogs(deps.db, row)) + kept.text, lines, kept.truncated, kept.end);
    end = kept.end;
  }
  while (!signal.aborted) {
    const now = await current(); // before the log: what was written before the end is read after it
    if (!now) return false;
    const more = await keptLog(deps.db, id, end);
    if (more.end > end) yield { kind: "text", text: more.text, place: `${id}.${more.end}` };
    end = Math.max(end, more.end);
    const { settledAt } = now.job;
    const recent = settledAt !== null && deps.clock.now().getTime() - settledAt.getTime() < RECENT_MS;
    const heard = await bell.heard(settledAt ? (recent ? LATE_MS : 0) : LOOK_AGAIN_MS, signal);
    if (settledAt && !heard) return true;
  }
  return false;
}

/** @returns whether the job is over */
async function* followPod({ deps, row, current, bell, lines, signal }: One): AsyncGenerator<LogNews, boolean> {
  const { id } = row.execution;
  const place = `${id}.live`;
  let said: string | null = null; // the end of what was sent; null before anything was
  while (!signal.aborted) {
    const now = await current();
    if (!now) return false;
    if (isReadInside(now)) {
      let fresh = true;
      try {
        const watched = { ...now, watch: () => current(), bell };
        for await (const text of untilOver(deps, watched, said === null ? lines : MOST_LINES, signal)) {
          if (fresh) {
            yield { kind: "reset", truncated: false };
            const earlier = await earlierLogs(deps.db, now);
            if (earlier) yield { kind: "text", text: earlier, place };
          }
          fresh = false;
          yield { kind: "text", text, place };
          said = `${said ?? ""}${text}`.slice(-LAST_WORDS);
        }
      } catch (error) {
        if (!isAway(error)) throw error;
      }
      const after = await current();
      if (after && isReadInside(after)) await bell.heard(RETRY_MS, signal);
      continue;
    }
    if (!isLive(now.execution.status)) {
      const kept = await keptLog(deps.db, id);
      const told = said !== null && (kept.text === "" || (said !== "" && kept.text.endsWith(said)));
      if (!told) yield* anew(id, (await earlierLogs(deps.db, now)) + kept.text, lines, kept.truncated, kept.end);
      said = kept.text.slice(-LAST_WORDS);
      if (now.job.settledAt) return true;
    } else if (said === null) {
      yield* anew(id, await earlierLogs(deps.db, now), lines, false, 0);
      said = "";
    }
    await bell.heard(LOOK_AGAIN_MS, signal);
  }
  return false;
}

/** A pod's log while it runs: a stream that outlives its execution is given up a little after it. */
async function* untilOver(
  deps: LogDeps,
  row: JobRow & { readonly watch: () => Promise<JobRow | null>; readonly bell: Bell },
  tailLines: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const watching = (async () => {
    while (!either.aborted) {
      const heard = await row.bell.heard(LOOK_AGAIN_MS, either);
      if (either.aborted) return;
      const now = await row.watch();
      if (now && isReadInside(now)) continue;
      await row.bell.heard(heard ? LATE_MS : 0, either);
      over.abort();
    }
  })();
  try {
    yield* logsInside(deps, row, { tailLines, follow: true, signal: either });
  } finally {
    over.abort();
    await watching.catch(() => {}); // the row is read again right after this, and fails there
  }
}

function* anew(id: ExecutionId, all: string, lines: number, truncated: boolean, end: number): Generator<LogNews> {
  const { text, cut } = tailOf(all, lines, MOST_BYTES);
  yield { kind: "reset", truncated: cut || truncated };
  if (text) yield { kind: "text", text, place: `${id}.${end}` };
}

interface Place {
  readonly execution: ExecutionId;
  readonly offset: number;
}

/** null where it is no place to go on from: then all begins anew. */
function placeOf(text: string | null): Place | null {
  const [, execution, offset] = /^(\w+)\.(\d{1,15})$/.exec(text ?? "") ?? [];
  return execution && offset && isId("exec", execution) ? { execution, offset: Number(offset) } : null;
}
