// Whether a machine takes new work: its owner's wish, and announced windows.
import type { Drain } from "./state.ts";

export const DRAIN_EVENTS = ["drain", "resume", "windowOpened", "windowClosed"] as const;
export type DrainEvent = (typeof DRAIN_EVENTS)[number];

/** The law of draining. An absent cell changes nothing: a wish of the owner outlives any window. */
export const DRAIN_TRANSITIONS = {
  none: { drain: "draining", windowOpened: "maintenance" },
  draining: { resume: "none" },
  maintenance: { windowClosed: "none", drain: "draining" },
} as const satisfies Record<Drain, Partial<Record<DrainEvent, Drain>>>;

/** @returns the drain after the event, or the same where the table has no cell. */
export function drainAfter(drain: Drain, event: DrainEvent): Drain {
  const row: Partial<Record<DrainEvent, Drain>> = DRAIN_TRANSITIONS[drain];
  return row[event] ?? drain;
}

/** What windows make of a drain: level-triggered, safe to ask at any time. @param inWindow inside an announced one now */
export function drainByWindows(drain: Drain, inWindow: boolean): Drain {
  return drainAfter(drain, inWindow ? "windowOpened" : "windowClosed");
}
