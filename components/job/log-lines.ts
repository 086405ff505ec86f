// A log as lines to show: what would move a terminal's cursor or colours is taken out, and old lines go.
import stripAnsi from "strip-ansi";

export interface LogLine {
  /** counts from the first line; the same line keeps it */
  readonly number: number;
  readonly text: string;
}

export interface LogLines {
  /** whole lines, as they are shown */
  readonly lines: readonly LogLine[];
  /** what follows the last line break, as it was written: it may still grow */
  readonly rest: string;
  /** of the line that `rest` begins */
  readonly next: number;
  /** older lines were left out here */
  readonly dropped: boolean;
}

/** More lines are a burden to a browser, and nobody scrolls through them. */
export const MOST_SHOWN = 3_000;
/** A line of megabytes is no line to read. */
const LONGEST = 4_000;

export const NO_LINES: LogLines = { lines: [], rest: "", next: 1, dropped: false };

export function withText(log: LogLines, text: string): LogLines {
  const parts = `${log.rest}${text}`.split("\n");
  const rest = (parts.pop() ?? "").slice(-4 * LONGEST);
  const fresh = parts.map((part, n) => ({ number: log.next + n, text: readable(part) }));
  const lines = [...log.lines, ...fresh];
  return {
    lines: lines.slice(-MOST_SHOWN),
    rest,
    next: log.next + parts.length,
    dropped: log.dropped || lines.length > MOST_SHOWN,
  };
}

/** All that is to be shown, the growing line too. */
export function shownLines({ lines, rest, next }: LogLines): readonly LogLine[] {
  const text = readable(rest);
  return text === "" ? lines : [...lines, { number: next, text }];
}

/**
 * What is left of a line in front of a reader: no escapes, no control characters but tabs, and of what was written over
 * by carriage returns (progress bars) the last.
 */
export function readable(line: string): string {
  const plain = stripAnsi(line);
  const text = plain
    .split("\r")
    .findLast((part) => part.trim() !== "")
    ?.replace(CONTROL, "");
  if (text === undefined) return "";
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} … (${text.length - LONGEST} more characters)` : text;
}

/** Control characters, and those that turn the direction of what follows. */
const CONTROL = /[^\P{Cc}\t]|[\u202a-\u202e\u2066-\u2069]/gu;
