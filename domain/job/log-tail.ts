// The end of a log: so many lines, so many bytes, and never half a character.

/** How long a log is kept after the end of what wrote it. */
export const LOG_DAYS = 30;

export interface Tail {
  readonly text: string;
  /** something before it was left out */
  readonly cut: boolean;
}

/**
 * The last `lines` lines of a text, at most `bytes` of them as UTF-8. What follows the last line break is a line too.
 * Where the bytes run out it begins with a whole line, if there is one.
 */
export function tailOf(text: string, lines: number, bytes: number): Tail {
  let start = text.length;
  let size = 0;
  let breaks = 0;
  while (start > 0) {
    const unit = text.charCodeAt(start - 1);
    if (unit === LINE_BREAK && start !== text.length) {
      breaks += 1;
      if (breaks >= lines) break;
    }
    if (lines === 0) break;
    size += bytesOf(unit);
    if (size > bytes) {
      const whole = text.indexOf("\n", start) + 1;
      const from = whole > 0 && whole < text.length ? whole : afterHalf(text, start);
      return { text: text.slice(from), cut: true };
    }
    start -= 1;
  }
  return { text: text.slice(start), cut: start > 0 };
}

const LINE_BREAK = 10;

/** Of one UTF-16 unit as UTF-8; each half of a pair is two of its four bytes, or three where the other is missing. */
function bytesOf(unit: number): number {
  if (unit < 0x80) return 1;
  return unit < 0x800 ? 2 : 3;
}

function afterHalf(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff ? at + 1 : at;
}
