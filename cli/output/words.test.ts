import fc from "fast-check";
import { expect, test } from "vitest";
import { clean, counted, harmless, money, runTime, shortDigest, span } from "./words.ts";

test("money is never rounded, and shows cents at least", () => {
  expect(["0.389000", "12.000000", "0.000001", "-3.100000"].map(money)).toEqual([
    "$0.389",
    "$12.00",
    "$0.000001",
    "-$3.10",
  ]);
});

test("times are told in their two largest units", () => {
  expect([0, 59, 60, 187, 7500, 86_400, 93_600].map(span)).toEqual(["0s", "59s", "1m", "3m7s", "2h5m", "1d", "1d2h"]);
  expect([null, 340, 1400, 187_000].map(runTime)).toEqual(["-", "340ms", "1.4s", "3m7s"]);
  expect(shortDigest("0123456789abcdef")).toBe("0123456789ab");
});

test("a job's output on a terminal keeps its lines and colours and loses what could drive the terminal", () => {
  const shown = harmless("\u001b[31mred\u001b[0m\tof\r\n\u001b]0;title\u0007\u001b[2Jit\u0000\u009b5n\n");
  expect(shown).toBe("\u001b[31mred\u001b[0m\tof\r\nit\n");
});

test("whatever others wrote, one line of it holds no control character", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(clean(text)).toMatch(/^\P{Cc}*$/u);
      expect(clean(`\u001b[${text}`)).toMatch(/^\P{Cc}*$/u);
    }),
  );
});

test("one is counted as one", () => {
  expect([0, 1, 2].map((count) => counted(count, "core"))).toEqual(["0 cores", "1 core", "2 cores"]);
});
