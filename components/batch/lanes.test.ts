import fc from "fast-check";
import { expect, test } from "vitest";
import { axisOf, boxesOf, digestGroups, laneOf, runWords, voteOf, votesOf } from "./lanes.ts";

const T = Date.parse("2026-03-01T12:00:00.000Z");
const at = (ms: number) => new Date(T + ms).toISOString();

test("one axis begins at the submit and ends with the last run, or now while one is live", () => {
  const done = { created_at: at(20), started_at: at(100), completed_at: at(700) };
  expect(axisOf(at(0), [done], T + 60_000)).toMatchObject({ from: T, to: T + 700 });
  expect(axisOf(at(0), [done, { created_at: at(20) }], T + 5_000).to).toBe(T + 5_000);
  expect(axisOf(at(0), [], T + 3_000).to).toBe(T + 3_000);
});

test("a lane is queued until it starts, and never leaves its axis, whatever clocks say", () => {
  const time = fc.integer({ min: -1_000, max: 10_000_000 });
  fc.assert(
    fc.property(time, fc.option(time), fc.option(time), time, (given, started, ended, now) => {
      const execution = {
        created_at: at(given),
        ...(started === null ? {} : { started_at: at(started) }),
        ...(ended === null ? {} : { completed_at: at(ended) }),
      };
      const axis = axisOf(at(0), [execution], T + now);
      const { queued, ran } = laneOf(execution, axis, T + now);
      for (const { left, width } of ran ? [queued, ran] : [queued]) {
        expect(left).toBeGreaterThanOrEqual(0);
        expect(width).toBeGreaterThanOrEqual(0);
        expect(left + width).toBeLessThanOrEqual(100.000001);
      }
      expect(axis.ticks.length).toBeLessThanOrEqual(8);
      for (const tick of axis.ticks) expect(tick.at).toBeLessThanOrEqual(100);
    }),
  );
});

test("a run of a second is drawn where it lay", () => {
  const execution = { created_at: at(0), started_at: at(500), completed_at: at(1_000) };
  const lane = laneOf(execution, axisOf(at(0), [execution], T + 9_999), T + 9_999);
  expect(lane).toEqual({ queued: { left: 0, width: 50 }, ran: { left: 50, width: 50 }, live: false });
});

test("equal digests are one group with one letter, the accepted one first", () => {
  const groups = digestGroups([{ digest: "bb" }, { digest: "aa" }, { digest: "bb" }, { digest: null }], "aa");
  expect([...groups]).toEqual([
    ["aa", { letter: "A", accepted: true, runs: 1 }],
    ["bb", { letter: "B", accepted: false, runs: 2 }],
  ]);
});

test("equal digests have equal pictures, alike left and right; others nearly never", () => {
  const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
  fc.assert(
    fc.property(hex, (digest) => {
      const boxes = boxesOf(digest);
      expect(boxesOf(digest)).toEqual(boxes);
      for (const { x, y } of boxes) expect(boxes).toContainEqual({ x: 4 - x, y });
    }),
  );
  expect(boxesOf("5891b5b522d5df08")).not.toEqual(boxesOf("e3b0c44298fc1c14"));
});

test("a run without a result says why in its place of a vote", () => {
  const ran = {
    vote: null,
    status: "failed",
    end: null,
    exit_code: null,
    revealed: true,
    completed_at: at(1),
  } as const;
  expect(voteOf({ ...ran, end: "exit-code", exit_code: 3 })).toEqual({ mark: "none", words: "exit code 3" });
  expect(voteOf({ ...ran, end: "timed-out" }).words).toBe("took too long");
  expect(voteOf({ ...ran, status: "stopped", end: "cancelled" }).mark).toBe("cancelled");
  expect(voteOf({ ...ran, status: "succeeded", revealed: false })).toEqual({ mark: "hidden", words: "delivered" });
  expect(voteOf({ ...ran, status: "succeeded", revealed: true }).mark).toBe("undecided");
  expect(voteOf({ ...ran, status: "succeeded", vote: "disagreed" }).mark).toBe("disagreed");
});

test("high assurance needs three owners in the marks of a list too", () => {
  const job = { verdict: null, executions_count: 1, assurance: "high", consensus: 2 } as const;
  expect(votesOf(job)).toEqual({ votes: 0, runs: 1, needed: 3 });
});

test("spans read in one unit that fits", () => {
  expect([0, 610, 1_240, 41_960, 125_000, 10_800_000].map(runWords)).toEqual([
    "0 ms",
    "610 ms",
    "1.24 s",
    "42.0 s",
    "2:05 min",
    "3:00:00 h",
  ]);
});
