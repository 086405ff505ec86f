// Waiting for a job: it is looked at again when the broker says that something happened, and now and then without that.
import type { AnyJobView } from "../protocol/operations/job.ts";
import { CliError } from "./errors.ts";
import { followEvents } from "./event-stream.ts";
import { isOver } from "./job-words.ts";
import { isPassing, pause, type Session } from "./session.ts";

export const GOALS = ["running", "end"] as const;
/** What is waited for; `running` is met by whatever is over, too. */
export type Goal = (typeof GOALS)[number];

interface Patience {
  readonly goal: Goal | null;
  /** gives up then */
  readonly deadline: AbortSignal | null;
  readonly onChange: (job: AnyJobView) => void;
  /** without it, only by looking: for many at once */
  readonly listens: boolean;
}

const FIRST_LOOK_MS = 300;
const SLOWEST_LOOK_MS = 5_000;
/** A broker that restarts is waited for, one that stays away is told. */
const AWAY_MS = 120_000;

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
  let shown = "";
  let lookMs = FIRST_LOOK_MS;
  let awayMs = 0;
  try {
    for (;;) {
      const rung = bell?.next();
      const job = await client.getJob({ params: { id }, signal }).catch((error: unknown) => {
        if (!isPassing(error) || signal.aborted || awayMs > AWAY_MS) throw error;
        return null;
      });
      awayMs = job === null ? awayMs + lookMs : 0;
      if (job !== null) {
        const now = `${job.status} ${job.kind === "batch" ? job.waiting !== null : job.unreachable}`;
        if (now !== shown) patience.onChange(job);
        shown = now;
        if (isThere(job, patience.goal)) return job;
      }
      await Promise.race([pause(lookMs, signal), ...(rung ? [rung] : [])]);
      lookMs = Math.min(SLOWEST_LOOK_MS, lookMs * 1.4);
    }
  } catch (error) {
    if (patience.deadline?.aborted && !io.signal.aborted)
      throw new CliError(`${id} is still ${shown.split(" ")[0] || "not known"}: the time to wait is over.`, {
        remedy: `Go on: berth wait ${id}`,
      });
    throw error;
  } finally {
    over.abort();
  }
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
