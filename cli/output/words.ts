// How values read in a terminal: money, ages, durations, digests; and text of others made harmless.
import { stripVTControlCharacters } from "node:util";
import type { Colours } from "../io.ts";

/** One line without control characters or escapes: what others wrote must not drive the terminal. */
export function clean(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/[\r\n\t\u2028\u2029]+/g, " ")
    .replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, "");
}

const ESCAPE = String.fromCharCode(27);
const SGR = new RegExp(`(${ESCAPE}\\[[0-9;:]*m)`);

/** Output of a job on a terminal: colours stay, whatever else could move the cursor, ask or retitle goes. */
export function harmless(text: string): string {
  return text
    .split(SGR)
    .map((part) => (SGR.test(part) ? part : stripVTControlCharacters(part).replaceAll(/[^\P{Cc}\n\r\t]/gu, "")))
    .join("");
}

/** "0.389000" → "$0.389": at least cents, never rounded. */
export function money(text: string): string {
  const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
  return `${text.startsWith("-") ? "-" : ""}$${whole}.${fraction.replace(/0+$/, "").padEnd(2, "0")}`;
}

/** "1 core", "2 cores" */
export function counted(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : `${noun}s`}`;
}

const STEPS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "m"],
] as const;

/** Whole seconds in the two largest units: 42s, 3m7s, 2h5m, 4d1h. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  for (const [index, [size, unit]] of STEPS.entries()) {
    if (whole < size) continue;
    const [below, name] = STEPS[index + 1] ?? [1, "s"];
    const rest = Math.floor((whole % size) / below);
    return `${Math.floor(whole / size)}${unit}${rest > 0 ? `${rest}${name}` : ""}`;
  }
  return `${whole}s`;
}

export function age(time: string, now: Date): string {
  return span((now.getTime() - Date.parse(time)) / 1000);
}

/** "2026-06-01 12:00 UTC" */
export function moment(time: string): string {
  return `${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Milliseconds as 340ms, 1.4s, 3m7s. */
export function runTime(ms: number | null): string {
  if (ms === null) return "-";
  if (ms < 1000) return `${ms}ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)}s` : span(ms / 1000);
}

export function shortDigest(digest: string | null | undefined): string {
  return digest ? digest.slice(0, 12) : "-";
}

const PAINT: Readonly<Record<string, (colours: Colours, text: string) => string>> = {
  running: (colours, text) => colours.green(text),
  completed: (colours, text) => colours.green(text),
  succeeded: (colours, text) => colours.green(text),
  agreed: (colours, text) => colours.green(text),
  available: (colours, text) => colours.green(text),
  online: (colours, text) => colours.green(text),
  pending: (colours, text) => colours.yellow(text),
  scheduled: (colours, text) => colours.yellow(text),
  starting: (colours, text) => colours.yellow(text),
  verifying: (colours, text) => colours.yellow(text),
  stopping: (colours, text) => colours.yellow(text),
  failed: (colours, text) => colours.red(text),
  lost: (colours, text) => colours.red(text),
  disagreed: (colours, text) => colours.red(text),
  offline: (colours, text) => colours.red(text),
};

/** A status word in its colour. @param shown what is printed of it, padded or cut */
export function painted(status: string, colours: Colours, shown = status): string {
  return PAINT[status]?.(colours, shown) ?? shown;
}
