import fc from "fast-check";
import { expect, test } from "vitest";
import { quorumOf } from "../domain/job/batch.ts";
import { BatchBody } from "./batch.ts";
import { gpusOf, unfitFields } from "./batch-fit.ts";

const body = (over: object): BatchBody =>
  BatchBody.parse({ kind: "batch", name: "a", docker_image: "alpine", ...over });

test("each field that does not go with the others is named, once", () => {
  const named = (over: object) => unfitFields(body(over)).map(({ field }) => field);
  expect(named({})).toEqual([]);
  expect(named({ consensus: 4, comparator: { kind: "files" } })).toEqual(["consensus", "files"]);
  expect(named({ assurance: "high", redundancy: 2 })).toEqual(["redundancy"]);
  expect(named({ gpu_type: "X", gpu_count: 0, files: ["a", "a"] })).toEqual(["files", "gpu_type"]);
  expect(named({ reusable: true, network: true, environment: { A: "1" } })).toEqual(["reusable"]);
});

test("of a job that fits no more owners have to agree than are paid for", () => {
  const wishes = fc.record({
    redundancy: fc.integer({ min: 1, max: 7 }),
    consensus: fc.integer({ min: 1, max: 5 }),
    assurance: fc.constantFrom("standard", "high"),
  });
  fc.assert(
    fc.property(wishes, (wish) => {
      const whole = body(wish);
      expect(unfitFields(whole).length === 0).toBe(quorumOf(whole) <= whole.redundancy);
    }),
  );
});

test("who asks for a GPU or names a model without a number means one", () => {
  expect([{}, { required_gpu: true }, { gpu_type: "X" }, { gpu_count: 3 }].map((one) => gpusOf(body(one)))).toEqual([
    0, 1, 1, 3,
  ]);
});
