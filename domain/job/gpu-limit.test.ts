import fc from "fast-check";
import { expect, test } from "vitest";
import { isNeverWithin, limitEndedSentence, limitSentence } from "./gpu-limit.ts";

const count = fc.nat(20);

test("a job whose single execution is over the limit never runs where nodes alone could run it", () => {
  expect(isNeverWithin(4, { most: 3, left: 3 }, { nodes: 2, others: 0 })).toBe(true);
  expect(isNeverWithin(1, { most: 0, left: 0 }, { nodes: 1, others: 0 })).toBe(true);
});
test("what a machine outside the cluster could run, or nobody has yet, is no matter of the limit", () => {
  expect(isNeverWithin(4, { most: 3, left: 3 }, { nodes: 2, others: 1 })).toBe(false);
  expect(isNeverWithin(4, { most: 3, left: 3 }, { nodes: 0, others: 0 })).toBe(false);
});
test("a run that holds just what its account may is within the limit", () => {
  expect(isNeverWithin(3, { most: 3, left: 0 }, { nodes: 2, others: 0 })).toBe(false);
});
test("what an account holds now never makes a job one that cannot run, nor does the size of its panel", () => {
  fc.assert(
    fc.property(count, count, count, count, (gpuCount, most, nodes, others) => {
      const never = (left: number) => isNeverWithin(gpuCount, { most, left }, { nodes, others });
      expect(never(0)).toBe(never(most));
      if (gpuCount <= most) expect(never(0)).toBe(false);
    }),
  );
});
test("the sentence names what is held, what may be and what one run takes", () => {
  expect(limitSentence(2, { most: 3, left: 1 })).toContain("holds 2 of the 3 GPUs");
  expect(limitSentence(2, { most: 3, left: 1 })).toContain("one run of this holds 2");
  expect(limitSentence(1, { most: 1, left: 0 })).toContain("holds 1 of the 1 GPU that");
});
test("what ended because of the limit is told the same numbers, and how long it waited", () => {
  const ended = limitEndedSentence(2, { most: 3, left: 1 }, 600);
  expect(ended).toContain(
    "holds 2 of the 3 GPUs that it may hold on nodes of the cluster, and one run of this holds 2",
  );
  expect(ended).toContain("within 600 s, its queue_timeout");
});
