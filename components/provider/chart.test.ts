import { expect, test } from "vitest";
import { barHeights, gpuMean, linePath, reachByDay, thinned } from "./chart.ts";

const MINUTE = 60_000;

test("a line spans its box: 0 % at the bottom, 100 % at the top", () => {
  const points = [
    { at: 0, value: 0 },
    { at: MINUTE, value: 50 },
    { at: 2 * MINUTE, value: 100 },
  ];
  expect(linePath(points, 0, 2 * MINUTE)).toBe("M0,100L50,50L100,0");
});

test("no line crosses a silence", () => {
  const points = [0, 1, 30, 31].map((minute) => ({ at: minute * MINUTE, value: 10 }));
  expect(linePath(points, 0, 40 * MINUTE).match(/M/g)).toHaveLength(2);
});

test("the mean is over the GPUs that told; without any there is none", () => {
  const sample = { at: "", cpu_percent: 0, memory_used_mb: 0 };
  const gpu = (index: number, utilization_percent: number) => ({ index, utilization_percent, memory_used_mb: 0 });
  expect(gpuMean({ ...sample, gpus: [gpu(0, 20), gpu(1, 60)] })).toBe(40);
  expect(gpuMean({ ...sample, gpus: [] })).toBeNull();
});

test("thinning keeps the last one and no more than asked", () => {
  const all = Array.from({ length: 100 }, (_, n) => n);
  expect(thinned(all, 10)).toEqual([9, 19, 29, 39, 49, 59, 69, 79, 89, 99]);
  expect(thinned([1, 2], 10)).toEqual([1, 2]);
});

test("a day before enrolment says nothing; a downtime that lasts counts until now", () => {
  const now = new Date("2026-06-03T06:00:00.000Z");
  const machine = {
    created_at: "2026-06-02T12:00:00.000Z",
    downtimes: [{ started_at: "2026-06-02T23:00:00.000Z", ended_at: null }],
  };
  expect(reachByDay(machine, now, 3)).toEqual([
    { day: "2026-06-01", downSeconds: null },
    { day: "2026-06-02", downSeconds: 3600 },
    { day: "2026-06-03", downSeconds: 6 * 3600 },
  ]);
});

test("the best day is a whole bar, no earnings no bar, and the smallest can be seen", () => {
  expect(barHeights(["0.000000", "0.000001", "2.000000", "1.000000"])).toEqual([0, 1.5, 100, 50]);
  expect(barHeights(["0.000000"])).toEqual([0]);
});
