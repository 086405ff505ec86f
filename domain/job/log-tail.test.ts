import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tailOf } from "./log-tail.ts";

const MANY = 1_000_000;
const logs = fc
  .array(fc.oneof(fc.string({ unit: "binary" }), fc.constant("\n")), { maxLength: 40 })
  .map((parts) => parts.join(""));
const linesOf = (text: string) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));
const size = (text: string) => new TextEncoder().encode(text).length;

describe("the end of a log", () => {
  test("is its last lines, and the line that still grows is one of them", () => {
    expect(tailOf("a\nb\nc\n", 2, MANY)).toEqual({ text: "b\nc\n", cut: true });
    expect(tailOf("a\nb\nc", 2, MANY)).toEqual({ text: "b\nc", cut: true });
    expect(tailOf("a\nb", 2, MANY)).toEqual({ text: "a\nb", cut: false });
    expect(tailOf("\n\n", 1, MANY)).toEqual({ text: "\n", cut: true });
    expect(tailOf("a\n", 0, MANY)).toEqual({ text: "", cut: true });
    expect(tailOf("", 5, MANY)).toEqual({ text: "", cut: false });
  });
  test("begins with a whole line where bytes run out, and with a whole character where there is no other line", () => {
    expect(tailOf("aaaa\nbb\n", 9, 5)).toEqual({ text: "bb\n", cut: true });
    expect(tailOf("aaaaaa", 9, 4)).toEqual({ text: "aaaa", cut: true });
    expect(tailOf("😀😀", 9, 7).text).toBe("😀");
  });
  test("is a true end, no longer than it may be, and cut exactly where something is missing", () => {
    fc.assert(
      fc.property(logs, fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 200 }), (text, lines, bytes) => {
        const tail = tailOf(text, lines, bytes);
        expect(text.endsWith(tail.text)).toBe(true);
        expect(tail.cut).toBe(tail.text.length < text.length);
        expect(size(tail.text)).toBeLessThanOrEqual(bytes);
        expect(linesOf(tail.text).length).toBeLessThanOrEqual(lines);
      }),
      { numRuns: 2_000 },
    );
  });
  test("leaves out no line that there was room for", () => {
    fc.assert(
      fc.property(logs, fc.integer({ min: 0, max: 12 }), (text, lines) => {
        expect(linesOf(tailOf(text, lines, MANY).text).length).toBe(Math.min(lines, linesOf(text).length));
      }),
      { numRuns: 2_000 },
    );
  });
});
