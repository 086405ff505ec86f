import fc from "fast-check";
import { expect, test } from "vitest";
import { type Downtime, uptime } from "./uptime.ts";

const SINCE = new Date("2026-05-01T00:00:00.000Z");
const MINUTES = 600;
const UNTIL = new Date(SINCE.getTime() + MINUTES * 60_000);
const at = (minute: number) => new Date(SINCE.getTime() + minute * 60_000);

/** Spans that may begin before and end after the one that counts, may overlap and may be empty. */
const span = fc.tuple(fc.integer({ min: -100, max: 700 }), fc.integer({ min: 0, max: 200 }));
const downtime = fc
  .tuple(span, fc.boolean())
  .map(([[from, length], open]): Downtime => ({ startedAt: at(from), endedAt: open ? null : at(from + length) }));
const window = span.map(([from, length]) => ({ startsAt: at(from), endsAt: at(from + length) }));

test("uptime is the minutes in which it was in reach or excused, over all minutes", () => {
  fc.assert(
    fc.property(fc.array(downtime, { maxLength: 6 }), fc.array(window, { maxLength: 4 }), (downtimes, windows) => {
      let down = 0;
      for (let minute = 0; minute < MINUTES; minute++) {
        const now = at(minute);
        const out = downtimes.some(({ startedAt, endedAt }) => startedAt <= now && (endedAt === null || now < endedAt));
        const excused = windows.some(({ startsAt, endsAt }) => startsAt <= now && now < endsAt);
        if (out && !excused) down++;
      }
      const { fraction, downMs } = uptime(SINCE, UNTIL, downtimes, windows);
      expect(downMs).toBe(down * 60_000);
      expect(fraction).toBeCloseTo(1 - down / MINUTES, 12);
    }),
  );
});

test("who was never out of reach was always in reach", () => {
  expect(uptime(SINCE, UNTIL, [], [])).toEqual({ fraction: 1, downMs: 0 });
});

test("who was not seen yet has no uptime", () => {
  expect(uptime(UNTIL, UNTIL, [{ startedAt: SINCE, endedAt: null }], [])).toEqual({ fraction: null, downMs: 0 });
});

test("a downtime that lasts counts until now", () => {
  expect(uptime(SINCE, UNTIL, [{ startedAt: at(300), endedAt: null }], []).fraction).toBe(0.5);
});
