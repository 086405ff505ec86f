import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MOST_SHOWN, NO_LINES, readable, shownLines, withText } from "./log-lines.ts";

const texts = (text: string) => shownLines(withText(NO_LINES, text)).map((line) => line.text);

describe("a line", () => {
  test("shows no colours, titles, links or moves of a terminal, and rings no bell", () => {
    expect(readable("\u001b[1;31mred\u001b[0m \u001b]0;title\u0007plain\u001b[2J\u001b[10;10Hend\u0007")).toBe(
      "red plainend",
    );
    expect(readable("\u001b]8;;https://evil.example\u0007click\u001b]8;;\u0007")).toBe("click");
    expect(readable("a\u0000b\u0008c\u009bd\u007f\tkept")).not.toMatch(/[^\P{Cc}\t]/u);
  });
  test("of a progress bar shows where it got to", () => {
    expect(readable(" 10 %\r 50 %\r100 %\r")).toBe("100 %");
    expect(texts("windows\r\nlines\r\n")).toEqual(["windows", "lines"]);
  });
  test("does not turn the direction of what follows", () => {
    expect(readable("rm \u202egnp.exe\u202c")).toBe("rm gnp.exe");
  });
  test("of enormous length says how much more there is", () => {
    expect(readable("x".repeat(5_000))).toBe(`${"x".repeat(4_000)} … (1000 more characters)`);
  });
  test("keeps every control character out, whatever was written", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (line) => {
        expect(readable(line)).not.toMatch(/[^\P{Cc}\t]/u);
      }),
      { numRuns: 500 },
    );
  });
});

describe("a log", () => {
  test("is the same lines in whatever parts it came", () => {
    const words = fc.array(fc.constantFrom("a", "bc", "\n", "\r\n", "\u001b[31m", "\u001b", "[0m"), { maxLength: 30 });
    fc.assert(
      fc.property(words, (parts) => {
        expect(shownLines(parts.reduce(withText, NO_LINES))).toEqual(shownLines(withText(NO_LINES, parts.join(""))));
      }),
    );
  });
  test("shows the newest lines only, each under its own number", () => {
    const log = withText(NO_LINES, "line\n".repeat(MOST_SHOWN + 5));
    expect([log.lines.length, log.lines[0]?.number, log.dropped]).toEqual([MOST_SHOWN, 6, true]);
    expect(withText(log, "one more\n").lines.at(-1)?.number).toBe(MOST_SHOWN + 6);
    expect(withText(NO_LINES, "line\n").dropped).toBe(false);
  });
  test("shows the line that still grows, under the number that it keeps", () => {
    const growing = withText(NO_LINES, "one\ntw");
    expect(shownLines(growing)).toEqual([
      { number: 1, text: "one" },
      { number: 2, text: "tw" },
    ]);
    expect(shownLines(withText(growing, "o\n")).at(-1)).toEqual({ number: 2, text: "two" });
  });
});
