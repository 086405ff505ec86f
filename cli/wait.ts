// Waiting for a job: it is looked at again when the broker says that something happened, and now and then without that.
import type { AnyJobView } from "../protocol/operations/job.ts";
import { CliError } from "./errors.ts";
import { followEvents } from "./event-stream.ts";
import { isOver } from "./job-words.ts";
import { absence, isPassing, pause, type Session } from "./session.ts";

export const GOALS = ["running", "end"] as const;
/** What is waited for; `running` is met by whatever is over, too. */
export type Goal = (typeof GOALS)[number];

interface Patience {
  readonly goal: Goal | null;
  /** gives up then */
  readonly deadline: AbortSignal | null;
  /** with why it waits, where that is not told yet */
  readonly onChange: (job: AnyJobView, waits: string | null) => void;
  /** without it, only by looking: for many at once */
  readonly listens: boolean;
}

const FIRST_LOOK_MS = 300;
const SLOWEST_LOOK_MS = 5_000;

/** A rental is waited for until it runs, a batch job until it is decided, unless said otherwise. */
export function isThere(job: AnyJobView, goal: Goal | null): boolean {
  if (isOver(job)) return true;
  const wanted = goal ?? (job.kind === "rental" ? "running" : "end");
  return wanted === "running" && (job.status === "running" || job.status === "verifying");
}

/** Whether what was waited for came about: otherwise the exit code is 1. */
export function isGood(job: AnyJobView, goal: Goal | null): boolean {
  if (job.kind === "batch") return job.status === "completed" || (goal === "running" && !isOver(job));
  return job.status === "running" || (goal === "end" && (job.status === "stopped" || job.status === "expired"));
}

/** @throws CliError when time is up; what the broker refuses; where it stays away for two minutes */
export async function waitForJob(session: Session, id: string, patience: Patience): Promise<AnyJobView> {
  const { client, io } = session;
  const over = new AbortController();
  const signals = [io.signal, over.signal, patience.deadline].filter((one) => one !== null);
  const signal = AbortSignal.any(signals);
  const bell = patience.listens ? hangBell(session, id, signal) : null;
  const news = newsOfJob();
  let last: AnyJobView | null = null;
  let lookMs = FIRST_LOOK_MS;
  const away = absence();
  try {
    for (;;) {
      const rung = bell?.next();
      away.looks();
      const job = await client.getJob({ params: { id }, signal }).catch((error: unknown) => {
        if (!isPassing(error) || signal.aborted || away.isLong()) throw error;
        return null;
      });
      if (job !== null) {
        away.answered();
        last = job;
        const { isNew, waits } = news(job);
        if (isNew) patience.onChange(job, waits);
        if (isThere(job, patience.goal)) return job;
      }
      await Promise.race([pause(lookMs, signal), ...(rung ? [rung] : [])]);
      lookMs = Math.min(SLOWEST_LOOK_MS, lookMs * 1.4);
    }
  } catch (error) {
    if (patience.deadline?.aborted && !io.signal.aborted)
      throw new CliError(`${id} is still ${last?.status ?? "not known"}: the time to wait is over.`, {
        remedy: `Go on: berth wait ${id}`,
      });
    throw error;
  } finally {
    over.abort();
  }
}

/**
 * What there is to tell of a job since it was last looked at. Each reason to wait is told once: while machines are tried in
 * turn it waits again and again, and only the seconds in its sentence are others.
 */
export function newsOfJob(): (job: AnyJobView) => { readonly isNew: boolean; readonly waits: string | null } {
  let state = "";
  const told = new Set<string>();
  return (job) => {
    const now = `${job.status} ${job.kind === "batch" ? (job.reason?.code ?? "") : job.unreachable}`;
    const waiting = job.kind === "batch" ? job.waiting : null;
    const reason = waiting?.replaceAll(/\d+ s\b/g, "");
    const waits = reason === undefined || told.has(reason) ? null : waiting;
    const isNew = now !== state || waits !== null;
    state = now;
    if (reason !== undefined) told.add(reason);
    return { isNew, waits };
  };
}

/** Rings at every event of the job; silent where there is no stream. */
function hangBell(session: Session, id: string, signal: AbortSignal): { next(): Promise<void> } {
  let ring = () => {};
  void (async () => {
    for await (const _ of followEvents(session, "listJobEvents", id, signal)) ring();
  })().catch(() => {}); // looking now and then goes on
  return {
    next: () =>
      new Promise((resolve) => {
        ring = resolve;
      }),
  };
}
