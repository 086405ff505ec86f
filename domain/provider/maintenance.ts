// Announced maintenance: how far ahead, how long, how often, and what it excuses.
import { START_TIMEOUT_MS } from "../execution/plan.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** WorldLand's policy promises its customers "maintenance notice 24 h, ≤4 h/month"; nothing there ever held it. */
export const MAINTENANCE_NOTICE_MS = 24 * HOUR_MS;
export const MAINTENANCE_MAX_MS = 4 * HOUR_MS;
/** The month of that policy, sliding: no turn of a calendar month doubles what is allowed. */
export const MAINTENANCE_SPAN_MS = 30 * DAY_MS;
/** Further ahead nobody plans, and a window keeps long rentals away. */
export const MAINTENANCE_AHEAD_MS = 60 * DAY_MS;
/** A window shorter than this is a typing error. */
export const MAINTENANCE_MIN_MS = 60_000;
/** An execution may wait this long before its hours begin: to be applied, and then to answer. */
const LONGEST_START_MS = 2 * START_TIMEOUT_MS;

/** Half open: [startsAt, endsAt). */
export interface Window {
  readonly startsAt: Date;
  readonly endsAt: Date;
}

/** The part of an announced window that counts: a cancelled one ends where it was cancelled. */
export function effective(window: Window & { readonly cancelled: boolean; readonly closedAt: Date | null }): Window {
  const { startsAt, endsAt, cancelled, closedAt } = window;
  if (!cancelled || !closedAt || closedAt >= endsAt) return { startsAt, endsAt };
  return { startsAt, endsAt: new Date(Math.max(closedAt.getTime(), startsAt.getTime())) };
}

/** How much of [since, until) lies outside all windows, in ms. Windows may overlap, be empty, and come in any order. */
export function unexcusedMs(since: Date, until: Date, windows: readonly Window[]): number {
  let outside = 0;
  let at = since.getTime();
  const end = until.getTime();
  for (const window of [...windows].sort((a, b) => a.startsAt.getTime() - b.startsAt.getTime())) {
    if (window.startsAt >= window.endsAt) continue;
    outside += Math.max(0, Math.min(window.startsAt.getTime(), end) - at);
    at = Math.max(at, window.endsAt.getTime());
  }
  return outside + Math.max(0, end - at);
}

/** Whether a window covers any of [since, until]. */
export function touches(since: Date, until: Date, windows: readonly Window[]): boolean {
  return windows.some(({ startsAt, endsAt }) => startsAt < endsAt && startsAt <= until && endsAt > since);
}

export function insideOne(windows: readonly Window[], now: Date): boolean {
  return windows.some(({ startsAt, endsAt }) => startsAt <= now && now < endsAt);
}

/** The latest moment at which a rental of so many hours that is placed now can end. */
export function latestEnd(now: Date, hours: number): Date {
  return new Date(now.getTime() + LONGEST_START_MS + hours * HOUR_MS);
}

/**
 * Whether work that may last until then is over before the next window.
 * @param busyFrom start of the next window, past while inside it; null where none is announced
 */
export function fitsBefore(busyFrom: Date | null, until: Date): boolean {
  return busyFrom === null || busyFrom >= until;
}

/** The most window time that any span of 30 days has, in ms. It is reached where a span begins or ends with a window. */
export function mostInSpan(windows: readonly Window[]): number {
  const starts = windows.flatMap(({ startsAt, endsAt }) => [
    startsAt.getTime(),
    endsAt.getTime() - MAINTENANCE_SPAN_MS,
  ]);
  return Math.max(0, ...starts.map((from) => timeWithin(windows, from, from + MAINTENANCE_SPAN_MS)));
}

function timeWithin(windows: readonly Window[], from: number, to: number): number {
  return windows.reduce((sum, { startsAt, endsAt }) => {
    const [start, end] = [Math.max(from, startsAt.getTime()), Math.min(to, endsAt.getTime())];
    return sum + Math.max(0, end - start);
  }, 0);
}

/**
 * What is wrong with an announcement, by its field; null where it may stand.
 * @param others windows of the same provider, as far as they count
 */
export function announcementProblem(
  wish: Window,
  others: readonly Window[],
  now: Date,
): { readonly field: "starts_at" | "ends_at"; readonly message: string } | null {
  const lastsMs = wish.endsAt.getTime() - wish.startsAt.getTime();
  if (lastsMs < MAINTENANCE_MIN_MS) return { field: "ends_at", message: "at least a minute after the start" };
  if (lastsMs > MAINTENANCE_MAX_MS) return { field: "ends_at", message: "at most 4 hours after the start" };
  const aheadMs = wish.startsAt.getTime() - now.getTime();
  if (aheadMs < MAINTENANCE_NOTICE_MS) return { field: "starts_at", message: "at least 24 hours from now" };
  if (aheadMs > MAINTENANCE_AHEAD_MS) return { field: "starts_at", message: "at most 60 days from now" };
  if (others.some(({ startsAt, endsAt }) => startsAt < wish.endsAt && wish.startsAt < endsAt))
    return { field: "starts_at", message: "outside the other windows of this machine" };
  if (mostInSpan([...others, wish]) > MAINTENANCE_MAX_MS)
    return { field: "ends_at", message: "together with its other windows at most 4 hours in any 30 days" };
  return null;
}
