import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pacedBatch } from "./paced-batch.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Each write takes 10 ms. */
function world() {
  const began = performance.now();
  const written: [ms: number, ...some: string[]][] = [];
  const batch = pacedBatch<string>(async (some) => {
    written.push([performance.now() - began, ...some]);
    await new Promise((resolve) => setTimeout(resolve, 10));
  });
  return { batch, written, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

test("who comes after a silence is written at once, and who comes then waits for the rhythm, together", async () => {
  const { batch, written, pass } = world();
  batch.add("a");
  await pass(5);
  batch.add("b");
  await pass(100);
  batch.add("c");
  await pass(400);
  batch.add("d");
  await pass(0);
  expect(written).toEqual([
    [0, "a"],
    [250, "b", "c"],
    [505, "d"],
  ]);
});

test("where somebody waits for one of them, all that wait are written soon, and the rhythm goes on from there", async () => {
  const { batch, written, pass } = world();
  batch.add("a");
  await pass(60);
  batch.add("b");
  batch.hurry();
  await pass(1);
  batch.add("c");
  await pass(300);
  expect(written).toEqual([
    [0, "a"],
    [60, "b"],
    [310, "c"],
  ]);
});

test("however many hurry, a batch is written every 25 ms at most", async () => {
  const { batch, written, pass } = world();
  for (let ms = 0; ms < 1000; ms++) {
    batch.add(String(ms));
    batch.hurry();
    await pass(1);
  }
  await pass(50);
  expect(written.length).toBeGreaterThan(35);
  expect(written.length).toBeLessThanOrEqual(42);
  expect(written.flatMap(([, ...some]) => some)).toEqual(Array.from({ length: 1000 }, (_, ms) => String(ms)));
});

test("who hurries while a batch is written does not wait for the rhythm after it", async () => {
  const { batch, written, pass } = world();
  batch.add("a");
  await pass(1);
  batch.add("b");
  batch.hurry();
  await pass(100);
  expect(written).toEqual([
    [0, "a"],
    [25, "b"],
  ]);
});

test("a hurry with nothing to write hurries nobody later", async () => {
  const { batch, written, pass } = world();
  batch.add("a");
  batch.hurry();
  await pass(20);
  batch.hurry();
  batch.add("b");
  await pass(300);
  expect(written).toEqual([
    [0, "a"],
    [250, "b"],
  ]);
});
