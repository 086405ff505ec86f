// How much of its time a provider was in reach. Announced maintenance is excused.
import { unexcusedMs, type Window } from "./maintenance.ts";

/** The span that the uptime people see is of, where the provider is that old. */
export const UPTIME_SPAN_MS = 30 * 86_400_000;

/** A time out of reach; null: it lasts. */
export interface Downtime {
  readonly startedAt: Date;
  readonly endedAt: Date | null;
}

export interface Uptime {
  /** 0…1 of the span; null where the span is empty, for a provider that was never seen */
  readonly fraction: number | null;
  /** out of reach and not excused, in ms */
  readonly downMs: number;
}

/**
 * Time outside downtimes over all the time of [since, until); what lies inside announced windows counts as in reach.
 * @param since 30 days ago, or when the provider was first seen, whichever is later
 * @param downtimes in any order; they may overlap, and reach beyond the span
 * @param windows as far as they count (`effective`)
 */
export function uptime(since: Date, until: Date, downtimes: readonly Downtime[], windows: readonly Window[]): Uptime {
  const totalMs = until.getTime() - since.getTime();
  if (totalMs <= 0) return { fraction: null, downMs: 0 };
  let downMs = 0;
  let at = since.getTime();
  for (const { startedAt, endedAt } of [...downtimes].sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime())) {
    const from = Math.max(at, startedAt.getTime());
    const to = Math.min(until.getTime(), endedAt?.getTime() ?? until.getTime());
    if (from >= to) continue;
    downMs += unexcusedMs(new Date(from), new Date(to), windows);
    at = to;
  }
  return { fraction: 1 - downMs / totalMs, downMs };
}
