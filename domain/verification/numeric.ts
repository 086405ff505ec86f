// Texts that are the same but for numbers close to each other.
import { canonicalNumber } from "./canonical-json.ts";

/** A number that stands alone: no part of a word, a range, a version or a hash, whose digits have to be equal. */
const NUMBER = /(?<![\p{L}\p{N}_.+-])[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?(?!\.?[\p{L}\p{N}_])/gu;
/** In JSON the digits within strings are no numbers. */
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/g;

/** Free text with every number in it written in one way. */
export function canonicalNumbers(text: string): string {
  return text.replace(NUMBER, (number) => canonicalNumber(number) ?? number);
}

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** Whether two canonical texts are the same but for numbers with |a − b| ≤ atol + rtol·max(|a|, |b|). */
export function isNumericallyClose(a: string, b: string, isJson: boolean, tolerance: Tolerance): boolean {
  const [left, right] = [parted(a, isJson), parted(b, isJson)];
  return (
    left.rest === right.rest &&
    left.numbers.length === right.numbers.length &&
    left.numbers.every((number, i) => areClose(number, right.numbers[i] ?? "", tolerance))
  );
}

function parted(text: string, isJson: boolean): { readonly rest: string; readonly numbers: readonly string[] } {
  const numbers: string[] = [];
  const rest = text.replace(isJson ? STRING_OR_NUMBER : NUMBER, (token) => {
    if (token.startsWith('"')) return token;
    numbers.push(token);
    return "0"; // a number again, so that equal rests have their numbers in the same places
  });
  return { rest, numbers };
}

function areClose(a: string, b: string, { rtol, atol }: Tolerance): boolean {
  if (a === b) return true;
  const [x, y] = [Number(a), Number(b)];
  const size = Math.max(Math.abs(x), Math.abs(y));
  // Different numbers may be one double: they differ by up to the step between doubles there.
  const gap = Math.max(Math.abs(x - y), size * Number.EPSILON, Number.MIN_VALUE);
  return Number.isFinite(gap) && gap <= atol + rtol * size;
}
