import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_FRAME_BYTES } from "../../../protocol/terminal.ts";
import { endOf, partsOf, waitMs } from "./line.ts";

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("whoever waits to connect again waits longer each time, at most twenty seconds, and never no time at all", () => {
  fc.assert(
    fc.property(fc.nat(10_000), chance, chance, (attempt, one, other) => {
      const ms = waitMs(attempt, one);
      expect(ms).toBeGreaterThanOrEqual(500);
      expect(ms).toBeLessThanOrEqual(20_000);
      expect(waitMs(attempt + 1, one)).toBeGreaterThanOrEqual(ms);
      expect(Math.max(ms, waitMs(attempt, other))).toBeLessThanOrEqual(2 * Math.min(ms, waitMs(attempt, other)) + 1);
    }),
  );
});

test("what is typed goes out whole, in its order, in parts that the server takes", () => {
  fc.assert(
    fc.property(fc.nat(200_000), (length) => {
      const bytes = Uint8Array.from({ length }, (_, i) => i % 251);
      const parts = partsOf(bytes);
      expect(Buffer.concat(parts).equals(bytes)).toBe(true);
      for (const part of parts) expect(part.length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    }),
    { numRuns: 20 },
  );
});

test("the end of a shell reads as what it was", () => {
  expect(endOf(0, null)).toBe("The shell ended.");
  expect(endOf(3, null)).toBe("The shell ended with exit code 3.");
  expect(endOf(null, "SIGKILL")).toBe("The shell was ended by SIGKILL.");
  expect(endOf(null, null)).toBe("The shell ended.");
});
