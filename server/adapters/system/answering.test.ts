import { expect, test } from "vitest";
import { answering } from "./answering.ts";

test("however many want to know, one question is asked while its answer is fresh", async () => {
  let asked = 0;
  const answers = answering(async () => void asked++, { freshMs: 60_000 });
  expect(await Promise.all([answers(), answers()])).toEqual([true, true]);
  expect(await answers()).toBe(true);
  expect(asked).toBe(1);
});

test("a refusal, and silence, are no answer; both are forgotten when they are old", async () => {
  const waiting: (() => void)[] = [];
  const ways = [
    () => Promise.reject(new Error("refused")),
    () => new Promise<void>((resolve) => waiting.push(resolve)),
    async () => {},
  ];
  const answers = answering(() => (ways.shift() ?? Promise.reject)(), { freshMs: 0, patienceMs: 20 });
  expect(await answers()).toBe(false);
  expect(await answers()).toBe(false);
  expect(await answers()).toBe(true);
  for (const done of waiting) done();
});

test("an answer in time leaves nothing behind that keeps a process from its end", async () => {
  const before = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  await answering(async () => {}, { patienceMs: 60_000 })();
  expect(process.getActiveResourcesInfo().filter((kind) => kind === "Timeout")).toHaveLength(before);
});
