// One text for each JSON value, after RFC 8785: keys sorted, numbers as values, and nothing read that two readers differ on.
import { RULES } from "./constants.ts";

/**
 * @returns null where the text is no JSON (RFC 8259), repeats a key, nests deeper than 200 or has an exponent of over 6 digits.
 * Numbers are written as JavaScript does; where a double would lose digits of an integer, or is 0 or infinite though the number
 * is not, as its own digits and a power of ten.
 */
export function canonicalJson(text: string): string | null {
  const reader = { text, at: 0 };
  const value = readValue(reader, 0);
  skipSpace(reader);
  return reader.at === text.length ? value : null;
}

/** The value of a JSON number, or of one with `+`, leading zeros or no digit before its point, as one text. */
export function canonicalNumber(text: string): string | null {
  const match = /^([-+]?)(\d*)(?:\.(\d+))?(?:[eE]([-+]?)0*(\d*))?$/.exec(text);
  const [, sign = "", whole = "", fraction = "", exponentSign = "", exponent = ""] = match ?? [];
  if (!match || whole + fraction === "" || exponent.length > RULES.exponentDigits) return null;
  const digits = (whole + fraction).replace(/^0+/, "");
  if (digits === "") return "0";
  const coefficient = digits.replace(/0+$/, "");
  const scale = Number(`${exponentSign}${exponent || "0"}`) - fraction.length + (digits.length - coefficient.length);
  const exact = `${sign === "-" ? "-" : ""}${coefficient}e${scale}`;
  const double = Number(exact);
  const isLossy = scale >= 0 ? !Number.isSafeInteger(double) : double === 0;
  return isLossy ? exact : String(double);
}

interface Reader {
  readonly text: string;
  at: number;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
const WORD = /true|false|null/y;
const SPACE = /[ \t\n\r]*/y;

function take(reader: Reader, pattern: RegExp): string | null {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text)?.[0];
  if (found === undefined) return null;
  reader.at += found.length;
  return found;
}

function skipSpace(reader: Reader): void {
  take(reader, SPACE);
}

/** @returns whether the next thing that is no space is this; it is passed over then */
function passes(reader: Reader, sign: string): boolean {
  skipSpace(reader);
  if (reader.text[reader.at] !== sign) return false;
  reader.at += 1;
  return true;
}

function readValue(reader: Reader, depth: number): string | null {
  if (depth > RULES.deepestJson) return null;
  if (passes(reader, "{")) return readObject(reader, depth);
  if (passes(reader, "[")) return readArray(reader, depth);
  const number = take(reader, NUMBER);
  if (number !== null) return canonicalNumber(number);
  return take(reader, WORD) ?? readString(reader);
}

/** By hand: a pattern that goes back over a string of a megabyte runs out of stack. */
function readString(reader: Reader): string | null {
  const { text, at } = reader;
  if (text[at] !== '"') return null;
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  try {
    const value: unknown = JSON.parse(text.slice(at, end + 1));
    reader.at = end + 1;
    return JSON.stringify(value);
  } catch {
    return null;
  }
}

function readArray(reader: Reader, depth: number): string | null {
  const items: string[] = [];
  if (passes(reader, "]")) return "[]";
  do {
    const item = readValue(reader, depth + 1);
    if (item === null) return null;
    items.push(item);
  } while (passes(reader, ","));
  return passes(reader, "]") ? `[${items.join(",")}]` : null;
}

function readObject(reader: Reader, depth: number): string | null {
  const members = new Map<string, string>();
  if (passes(reader, "}")) return "{}";
  do {
    skipSpace(reader);
    const key = readString(reader);
    if (key === null || members.has(key) || !passes(reader, ":")) return null;
    const value = readValue(reader, depth + 1);
    if (value === null) return null;
    members.set(key, value);
  } while (passes(reader, ","));
  const sorted = [...members].sort(([a], [b]) => (a < b ? -1 : 1));
  return passes(reader, "}") ? `{${sorted.map(([key, value]) => `${key}:${value}`).join(",")}}` : null;
}
