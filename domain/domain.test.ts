// Ids, presence, warnings and statuses.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EXECUTION_STATUSES } from "./execution/state.ts";
import { formatId, isId } from "./ids.ts";
import { rentalStatus } from "./job/status.ts";
import { nextWarningAt, warningDue } from "./job/warnings.ts";
import {
  changeReputation,
  PRESENCE_EVENTS,
  PRESENCES,
  presenceAfter,
  providerStatus,
  silence,
} from "./provider/state.ts";

const NOW = new Date("2026-06-01T12:00:00.000Z");
const at = (ms: number) => new Date(NOW.getTime() + ms);
const random = fc.uint8Array({ minLength: 10, maxLength: 10 });

describe("ids", () => {
  test("sort by time and are recognised by their prefix", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.nat(2 ** 40), random, random, (a, b, x, y) => {
        const [first, second] = [formatId("job", a, x), formatId("job", b, y)];
        expect(isId("job", first)).toBe(true);
        expect(isId("exec", first)).toBe(false);
        if (a !== b) expect(first < second).toBe(a < b);
      }),
    );
  });
  test("different randomness makes different ids", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), random, random, (ms, x, y) => {
        fc.pre(x.join() !== y.join());
        expect(formatId("job", ms, x)).not.toBe(formatId("job", ms, y));
      }),
    );
  });
});

describe("presence", () => {
  test("silence counts only while somebody listened", () => {
    const seen = at(-300_000);
    expect(silence(seen, at(-600_000), NOW).ms).toBe(300_000);
    expect(silence(seen, at(-10_000), NOW)).toEqual({ ms: 10_000, since: at(-10_000) });
    expect(silence(seen, at(-600_000), at(-290_000)).ms).toBe(10_000);
  });
  test("only a report without ghosts makes a provider available", () => {
    for (const presence of PRESENCES) {
      expect(providerStatus("approved", presenceAfter(presence, "cleanReport"), "none")).toBe("available");
      if (presence !== "online")
        expect(providerStatus("approved", presenceAfter(presence, "fullReport"), "none")).not.toBe("available");
      for (const event of PRESENCE_EVENTS) expect(PRESENCES).toContain(presenceAfter(presence, event));
    }
  });
  test("a provider that is not approved is never available", () => {
    for (const admission of ["pending", "rejected", "suspended", "removed"] as const)
      expect(providerStatus(admission, "online", "none")).toBe(admission);
  });
  test("reputation stays within its bounds and says what was really applied", () => {
    expect(changeReputation(10, -20)).toEqual({ score: 0, applied: -10 });
    expect(changeReputation(998, 5)).toEqual({ score: 1000, applied: 2 });
  });
});

describe("warnings", () => {
  test("come once at 15 and once at 5 minutes, and not after the end", () => {
    const expiresAt = at(15 * 60_000);
    expect(warningDue(expiresAt, null, at(-1))).toBeNull();
    expect(warningDue(expiresAt, null, NOW)).toBe(15);
    expect(warningDue(expiresAt, 15, at(60_000))).toBeNull();
    expect(warningDue(expiresAt, 15, at(10 * 60_000))).toBe(5);
    expect(warningDue(expiresAt, null, at(11 * 60_000))).toBe(5);
    expect(warningDue(expiresAt, 5, at(14 * 60_000))).toBeNull();
    expect(warningDue(expiresAt, null, at(16 * 60_000))).toBeNull();
    expect(nextWarningAt(expiresAt, null)).toEqual(NOW);
    expect(nextWarningAt(expiresAt, 15)).toEqual(at(10 * 60_000));
    expect(nextWarningAt(expiresAt, 5)).toBeNull();
  });
});

test("a rental that never ran is cancelled, one whose time is over is expired, one placed again is pending", () => {
  expect(rentalStatus("stopped", "stopped-by-customer", null, true)).toBe("cancelled");
  expect(rentalStatus("stopped", "stopped-by-customer", NOW, true)).toBe("stopped");
  expect(rentalStatus("stopped", "expired", NOW, true)).toBe("expired");
  expect(rentalStatus("failed", "provider-silent", null, false)).toBe("pending");
  expect(rentalStatus("failed", "provider-silent", null, true)).toBe("failed");
  for (const status of EXECUTION_STATUSES) expect(rentalStatus(status, null, null, true)).toBeTruthy();
});
