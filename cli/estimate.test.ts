import { expect, test } from "vitest";
import type { BatchEstimateView } from "../protocol/batch.ts";
import { estimateAnswer } from "./estimate.ts";
import { processIo } from "./io.ts";

function owners(over: Partial<BatchEstimateView>): string | undefined {
  const money = { price_per_hour: "0.100000", hold: "0.025000" };
  const panel = { owners: 3, owners_free: 2, quorum: 2, notices: [] };
  const estimate: BatchEstimateView = { kind: "batch", ...money, ...panel, ...over };
  const shown = estimateAnswer(processIo(new AbortController().signal), [estimate]).text(false);
  return /Owners: +(.*)/.exec(shown)?.[1];
}

test("one owner has a machine, several have machines, and one result needs nobody to agree", () => {
  expect(owners({})).toBe("3 have machines that fit, 2 with one free; 2 have to agree");
  expect(owners({ owners: 1, owners_free: 1, quorum: 1 })).toBe(
    "1 has a machine that fits, 1 with one free; one result is taken, unverified",
  );
});
