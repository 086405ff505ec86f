// The life of a provider: its tables, what maintenance excuses, and what can be appealed.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isAppError } from "../errors.ts";
import { ADMISSION_DECISIONS, ADMISSION_TRANSITIONS, admissionAfter } from "./admission.ts";
import { DRAIN_EVENTS, drainAfter, drainByWindows } from "./drain.ts";
import {
  announcementProblem,
  effective,
  fitsBefore,
  latestEnd,
  MAINTENANCE_MAX_MS,
  MAINTENANCE_NOTICE_MS,
  MAINTENANCE_SPAN_MS,
  mostInSpan,
  touches,
  unexcusedMs,
  type Window,
} from "./maintenance.ts";
import { issuedNodeName } from "./node-name.ts";
import { APPEAL_WITHIN_MS, answerDue, appealProblem, appealUntil } from "./reputation.ts";
import { ADMISSIONS, DRAINS } from "./state.ts";

const NOW = new Date("2026-06-01T12:00:00.000Z");
const HOUR = 3_600_000;
const at = (ms: number) => new Date(NOW.getTime() + ms);
const window = (from: number, to: number): Window => ({ startsAt: at(from), endsAt: at(to) });
/** Small whole numbers, so that edges meet often. */
const tick = fc.integer({ min: 0, max: 12 });
const someWindows = fc.array(
  fc.tuple(tick, tick).map(([a, b]) => window(a, b)),
  { maxLength: 5 },
);

describe("admission", () => {
  test("a decision the table has no cell for is refused as a conflict", () => {
    for (const admission of ADMISSIONS)
      for (const decision of ADMISSION_DECISIONS) {
        if (decision in ADMISSION_TRANSITIONS[admission]) continue;
        try {
          admissionAfter(admission, decision);
          expect.unreachable();
        } catch (error) {
          expect(isAppError(error) && error.code).toBe("conflict");
        }
      }
  });
  test("everything but a removal can be taken back, and from everywhere a machine can leave", () => {
    for (const admission of ADMISSIONS.filter((each) => each !== "removed")) {
      expect(admissionAfter(admission, "remove")).toBe("removed");
      if (admission !== "approved") expect(admissionAfter(admission, "approve")).toBe("approved");
    }
    expect(Object.keys(ADMISSION_TRANSITIONS.removed)).toEqual([]);
  });
});

describe("drain", () => {
  test("windows never undo what the owner wished, and end as they began", () => {
    expect([drainByWindows("draining", true), drainByWindows("draining", false)]).toEqual(["draining", "draining"]);
    expect([drainByWindows("none", true), drainByWindows("maintenance", false)]).toEqual(["maintenance", "none"]);
  });
  test("asking windows twice is asking them once", () => {
    for (const drain of DRAINS)
      for (const inside of [true, false]) {
        const once = drainByWindows(drain, inside);
        expect(drainByWindows(once, inside)).toBe(once);
      }
  });
  test("whatever happened, a drain drains and a resume after it takes work again, outside any window", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...DRAIN_EVENTS)), (history) => {
        const drained = drainAfter(history.reduce(drainAfter, DRAINS[0]), "drain");
        expect(drained).toBe("draining");
        expect(drainByWindows(drainAfter(drained, "resume"), false)).toBe("none");
      }),
    );
  });
});

describe("maintenance", () => {
  test("silence outside windows is exactly the ticks that no window covers", () => {
    fc.assert(
      fc.property(tick, tick, someWindows, (since, until, windows) => {
        let ticks = 0;
        for (let t = since; t < until; t++)
          if (!windows.some(({ startsAt, endsAt }) => at(t) >= startsAt && at(t) < endsAt)) ticks++;
        expect(unexcusedMs(at(since), at(until), windows)).toBe(ticks);
      }),
    );
  });
  test("more windows never make more silence, and what is excused is touched", () => {
    fc.assert(
      fc.property(tick, tick, someWindows, someWindows, (since, until, some, more) => {
        const [from, to] = [at(Math.min(since, until)), at(Math.max(since, until))];
        const all = unexcusedMs(from, to, some);
        expect(unexcusedMs(from, to, [...some, ...more])).toBeLessThanOrEqual(all);
        if (all < to.getTime() - from.getTime()) expect(touches(from, to, some)).toBe(true);
      }),
    );
  });
  test("the most in any 30 days is what a look at every moment finds", () => {
    const day = MAINTENANCE_SPAN_MS / 30;
    const apart = fc
      .uniqueArray(fc.integer({ min: 0, max: 80 }), { maxLength: 6 })
      .map((days) => days.map((n) => window(n * day, n * day + day)));
    fc.assert(
      fc.property(apart, (windows) => {
        let most = 0;
        for (let from = -31; from <= 82; from++) {
          const inside = windows.filter(
            ({ startsAt, endsAt }) => startsAt >= at(from * day) && endsAt <= at((from + 30) * day),
          );
          most = Math.max(most, inside.length * day);
        }
        expect(mostInSpan(windows)).toBe(most);
      }),
    );
  });
  test("a window is announced a day ahead, at most 60 days, lasts at most 4 hours, and overlaps no other", () => {
    const ask = (from: number, to: number, others: Window[] = []) =>
      announcementProblem(window(from, to), others, NOW)?.field ?? null;
    const day = MAINTENANCE_NOTICE_MS;
    expect(ask(day, day + 4 * HOUR)).toBeNull();
    expect(ask(day - 1, day + HOUR)).toBe("starts_at");
    expect(ask(61 * day, 61 * day + HOUR)).toBe("starts_at");
    expect(ask(day, day + 4 * HOUR + 1)).toBe("ends_at");
    expect(ask(day, day)).toBe("ends_at");
    expect(ask(2 * day, day)).toBe("ends_at");
    expect(ask(day, day + HOUR, [window(day + HOUR, day + 2 * HOUR)])).toBeNull();
    expect(ask(day, day + HOUR + 1, [window(day + HOUR, day + 2 * HOUR)])).toBe("starts_at");
  });
  test("windows that may all stand never sum to more than 4 hours in 30 days", () => {
    const wishes = fc.array(fc.tuple(fc.integer({ min: 20, max: 1450 }), fc.integer({ min: 0, max: 5 })), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(wishes, (asked) => {
        const standing: Window[] = [];
        for (const [from, hours] of asked) {
          const wish = window(from * HOUR, (from + hours) * HOUR);
          if (!announcementProblem(wish, standing, NOW)) standing.push(wish);
        }
        expect(mostInSpan(standing)).toBeLessThanOrEqual(MAINTENANCE_MAX_MS);
      }),
    );
  });
  test("what was cancelled excuses up to its cancellation, and nothing where it had not begun", () => {
    const given = { startsAt: at(0), endsAt: at(10) };
    expect(effective({ ...given, cancelled: true, closedAt: at(4) })).toEqual(window(0, 4));
    expect(effective({ ...given, cancelled: true, closedAt: at(-4) })).toEqual(window(0, 0));
    expect(effective({ ...given, cancelled: false, closedAt: at(12) })).toEqual(window(0, 10));
  });
  test("work fits before a window only if the latest end it can have does", () => {
    const until = latestEnd(NOW, 2);
    expect(until.getTime()).toBeGreaterThanOrEqual(at(2 * HOUR).getTime());
    expect(fitsBefore(null, until)).toBe(true);
    expect(fitsBefore(until, until)).toBe(true);
    expect(fitsBefore(new Date(until.getTime() - 1), until)).toBe(false);
    expect(fitsBefore(at(-HOUR), until)).toBe(false);
  });
});

describe("issued node names", () => {
  test("every one is a DNS label that ends in a part of the id, whatever the machine calls itself", () => {
    const body = fc.stringMatching(/^[0-7][0-9a-hjkmnp-tv-z]{25}$/);
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ maxLength: 80 }), fc.constantFrom("-", "a-", "ÄÖ", "x".repeat(63))),
        body,
        (name, id) => {
          const issued = issuedNodeName(name, `prov_${id}`);
          expect(issued).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
          expect(issued.endsWith(`-${id.slice(-8)}`)).toBe(true);
        },
      ),
    );
  });
});

describe("appeals", () => {
  test("only a loss, once, within seven days; the reason to refuse and the time left always agree", () => {
    const loss = { delta: -20, at: NOW };
    expect(appealUntil(loss, false, at(APPEAL_WITHIN_MS - 1))).toEqual(at(APPEAL_WITHIN_MS));
    expect(appealUntil(loss, false, at(APPEAL_WITHIN_MS))).toBeNull();
    fc.assert(
      fc.property(
        fc.integer({ min: -30, max: 30 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 2 * APPEAL_WITHIN_MS }),
        (delta, appealed, later) => {
          const event = { delta, at: NOW };
          expect(appealProblem(event, appealed, at(later)) === null).toBe(
            appealUntil(event, appealed, at(later)) !== null,
          );
        },
      ),
    );
  });
  test("an answer is owed within 14 days", () => {
    expect(answerDue(NOW)).toEqual(at(14 * 24 * HOUR));
  });
});
