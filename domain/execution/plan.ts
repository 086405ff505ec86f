// The decision of a reconcile: from what is wanted and what is seen to one action and at most one event.
import type { ReasonCode } from "../job/reasons.ts";
import type { EndCause, Observed } from "./spec.ts";
import { type ExecutionEvent, type ExecutionStatus, isLive } from "./state.ts";

/** How long an execution may take from its application to answering. */
export const START_TIMEOUT_MS = 5 * 60_000;
/** How long a running execution may be out of reach before it is given up. */
export const UNREACHABLE_GRACE_MS = 10 * 60_000;
/** How long a stop may wait for the provider to confirm. */
export const STOP_GRACE_MS = 10 * 60_000;
/** A running rental is looked at, and booked, at least this often. */
export const BOOK_EVERY_MS = 10 * 60_000;
/** While something is under way, it is looked at again this soon even if nobody rings. */
export const BUSY_AGAIN_MS = 5_000;

export interface ExecutionSnapshot {
  readonly status: ExecutionStatus;
  readonly desired: "run" | "stop";
  /** why it should stop; null while it should run */
  readonly stopReason: ReasonCode | null;
  /** when the stop was asked for; null while it should run */
  readonly stopRequestedAt: Date | null;
  readonly createdAt: Date;
  readonly appliedAt: Date | null;
  readonly startedAt: Date | null;
  readonly expiresAt: Date | null;
  /** since when the provider is offline; null while it is heard */
  readonly silentSince: Date | null;
  /** true once the provider is suspended or removed: nothing new starts there */
  readonly providerGone: boolean;
  /** end of the newest announced maintenance that touches the present silence; null where there is none */
  readonly maintenanceUntil: Date | null;
}

export interface Plan {
  readonly act: "apply" | "remove" | "none";
  readonly event: ExecutionEvent | null;
  /** why it ends, where the event ends it or asks for its end */
  readonly reason: ReasonCode | null;
  /** the end of what is billed, where the event ends it */
  readonly endedAt: Date | null;
  /** when to look again without a ring; null where there is nothing to wait for */
  readonly againAt: Date | null;
}

const CAUSES = {
  exited: "ended-by-itself",
  "start-failed": "start-failed",
  killed: "killed",
  deadline: "expired",
  "demo-stopped": "demo-stopped",
  "sandbox-missing": "sandbox-missing",
  "image-not-found": "image-not-found",
  "image-denied": "image-denied",
  "unfit-image": "unfit-image",
  "ssh-silent": "ssh-silent",
  unschedulable: "unschedulable",
  quota: "over-limit",
  "out-of-memory": "out-of-memory",
  "out-of-disk": "out-of-disk",
  evicted: "evicted",
  "node-lost": "node-lost",
} as const satisfies Record<EndCause, ReasonCode>;

/** Ends of a start that failed, which costs nothing. Of what ran before they would say something untrue about its bill. */
const OF_STARTS: readonly EndCause[] = [
  "start-failed",
  "sandbox-missing",
  "image-not-found",
  "image-denied",
  "unfit-image",
  "ssh-silent",
  "unschedulable",
  "quota",
];

/**
 * Decides what to do about one execution. Pure; safe to ask twice.
 * @param now the database's time
 */
export function planExecution(seen: ExecutionSnapshot, told: Observed, now: Date): Plan {
  return within(seen, planned(seen, seen.startedAt === null ? told : ofWhatRan(told), now), now);
}

/**
 * Only what never answered can be silent: a worker that started anew asks doors anew, and customers may close their own.
 */
function ofWhatRan(told: Observed): Observed {
  return told.state === "ended" && told.cause === "ssh-silent" ? { state: "starting" } : told;
}

/** Clocks of machines may be wrong by hours: no end is before the beginning, none is in the future. */
function within({ startedAt, createdAt }: ExecutionSnapshot, step: Plan, now: Date): Plan {
  if (!step.endedAt) return step;
  const fromMs = Math.max(step.endedAt.getTime(), (startedAt ?? createdAt).getTime());
  return { ...step, endedAt: earliest(now, new Date(fromMs)) };
}

function planned(seen: ExecutionSnapshot, observed: Observed, now: Date): Plan {
  if (!isLive(seen.status)) return plan(observed.state === "absent" ? "none" : "remove", null);
  const due = seen.expiresAt !== null && now >= seen.expiresAt;
  const stop = seen.desired === "stop" || due;
  const stopReason: ReasonCode =
    seen.desired === "stop" ? (seen.stopReason ?? "stopped-by-customer") : due ? "expired" : "provider-suspended";
  const stopAt = earliest(now, seen.stopRequestedAt, seen.expiresAt);

  switch (seen.status) {
    case "scheduled":
      if (stop) return plan("remove", "stopRequested", stopReason, stopAt);
      if (seen.providerGone) return plan("remove", "providerLost", "provider-suspended", now);
      if (seen.silentSince) return plan("remove", "providerLost", "provider-silent", now);
      if (isOver(now, seen.createdAt, START_TIMEOUT_MS)) return plan("remove", "gaveUp", "start-timeout", now);
      return plan("apply", "applied", null, null, after(now, BUSY_AGAIN_MS));

    case "starting":
      if (stop) return plan("remove", "stopRequested", stopReason, null, after(now, BUSY_AGAIN_MS));
      if (seen.providerGone) return plan("remove", "gaveUp", "provider-suspended", now);
      if (observed.state === "ready") return plan("none", "ready", null, null, after(now, BUSY_AGAIN_MS));
      if (observed.state === "ended") return endedPlan(observed, false, now);
      if (seen.silentSince) return plan("remove", "heartbeatLost", "provider-silent", now);
      if (isOver(now, seen.appliedAt ?? seen.createdAt, START_TIMEOUT_MS))
        return plan("remove", "gaveUp", "start-timeout", now);
      // What the provider has begun it finishes; only what it lost, or never got whole, is applied again.
      return plan(lacks(observed) ? "apply" : "none", null, null, null, after(now, BUSY_AGAIN_MS));

    case "running":
      if (observed.state === "ended")
        return endedPlan(observed, true, earliest(now, stop ? stopAt : null, seen.expiresAt));
      if (stop || seen.providerGone)
        return plan("remove", "stopRequested", stopReason, null, after(now, BUSY_AGAIN_MS));
      if (seen.silentSince)
        return plan("none", "heartbeatLost", null, null, graceEnd(seen.silentSince, seen.maintenanceUntil));
      if (observed.state === "absent") return plan("remove", "gone", "gone-from-provider", now);
      if (lacks(observed)) return plan("apply", null, null, null, after(now, BUSY_AGAIN_MS));
      return plan("none", null, null, null, earliest(after(now, BOOK_EVERY_MS), seen.expiresAt));

    case "unreachable": {
      if (observed.state === "ended") return endedPlan(observed, true, earliest(now, seen.silentSince, seen.expiresAt));
      if (stop || seen.providerGone)
        return plan("remove", "stopRequested", stopReason, null, after(now, BUSY_AGAIN_MS));
      if (!seen.silentSince) {
        if (observed.state === "absent") return plan("remove", "gone", "gone-from-provider", now);
        return plan("none", "heartbeatSeen", null, null, after(now, BUSY_AGAIN_MS));
      }
      const graceOver = graceEnd(seen.silentSince, seen.maintenanceUntil);
      if (now >= graceOver) return plan("remove", "graceOver", "provider-lost", seen.silentSince);
      return plan("none", null, null, null, earliest(graceOver, seen.expiresAt));
    }

    default: {
      // stopping: the end of what is billed was the wish to stop, or the last sign of life before it
      const endedAt = earliest(stopAt, seen.silentSince);
      if (observed.state === "absent" && !seen.silentSince) return plan("none", "gone", stopReason, endedAt);
      if (observed.state === "ended") return plan("remove", "ended", stopReason, endedAt);
      if (isOver(now, stopAt, STOP_GRACE_MS)) return plan("remove", "graceOver", stopReason, endedAt);
      return plan("remove", null, null, null, after(now, BUSY_AGAIN_MS));
    }
  }
}

function lacks(observed: Observed): boolean {
  return observed.state === "absent" || (observed.state === "starting" && observed.incomplete === true);
}

/** Announced maintenance is waited out; whoever rented before it was told. */
function graceEnd(silentSince: Date, maintenanceUntil: Date | null): Date {
  const grace = after(silentSince, UNREACHABLE_GRACE_MS);
  return maintenanceUntil && maintenanceUntil > grace ? maintenanceUntil : grace;
}

/** @param ran whether it ran before: what it costs begins with that */
function endedPlan(observed: Extract<Observed, { state: "ended" }>, ran: boolean, latest: Date): Plan {
  // A provider may only shorten what it is paid for: its own word about the end never lengthens the bill.
  const endedAt = earliest(latest, observed.endedAt);
  const clean = observed.cause === "exited" && observed.exitCode === 0;
  return plan("remove", clean ? "succeeded" : "ended", endReason(observed, ran), endedAt);
}

/** Whoever has an exit code to tell of saw it end; without one it was ended. */
function endReason({ cause, exitCode }: Extract<Observed, { state: "ended" }>, ran: boolean): ReasonCode {
  if (!ran || !OF_STARTS.includes(cause)) return CAUSES[cause];
  return exitCode === null ? "killed" : "ended-by-itself";
}

function plan(
  act: Plan["act"],
  event: ExecutionEvent | null,
  reason: ReasonCode | null = null,
  endedAt: Date | null = null,
  againAt: Date | null = null,
): Plan {
  return { act, event, reason, endedAt, againAt };
}

function after(from: Date, ms: number): Date {
  return new Date(from.getTime() + ms);
}

function isOver(now: Date, since: Date, ms: number): boolean {
  return now.getTime() - since.getTime() >= ms;
}

function earliest(first: Date, ...others: readonly (Date | null)[]): Date {
  return others.reduce<Date>((min, at) => (at && at < min ? at : min), first);
}
