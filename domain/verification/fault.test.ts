// Whose fault an end is.
import fc from "fast-check";
import { expect, test } from "vitest";
import { BATCH_ENDS, type BatchEnd } from "../execution/batch-state.ts";
import { decide, type Outcome, type Panel } from "./decide.ts";
import { NO_EVIDENCE } from "./evidence.ts";
import { failsAlike } from "./failure.ts";
import { faultIn, faultOf } from "./fault.ts";

const error = (end: BatchEnd, exitCode: number | null = null): Outcome => ({ kind: "error", end, exitCode });
const RESULT: Outcome = { kind: "result", digest: "a" };
const EXIT = error("exit-code", 1);

/** Whose fault the first one's end is, beside the others. */
function faultAmong(...outcomes: readonly [Outcome, ...Outcome[]]) {
  const members = outcomes.map((outcome, i) => {
    return { id: `exec_${i}` as const, group: `group ${i}`, evidence: NO_EVIDENCE, outcome };
  });
  const panel: Panel = { members, quorum: 2, redundancy: 3, dispatch: "lazy", agrees: (a, b) => a === b };
  return faultIn(panel, decide(panel), members[0]!);
}

test("alone, an end is never the job's fault, and what a job brings about as well as a machine is nobody's", () => {
  for (const end of BATCH_ENDS) expect(faultOf(end)).not.toBe("job");
  expect(faultOf("exit-code")).toBe("nobody");
  expect(faultOf("image-not-found")).toBe("nobody");
});
test("a signed refusal and a cancel are nobody's fault, whatever the others did", () => {
  for (const end of ["cannot-run", "cancelled"] as const) {
    expect(faultOf(end)).toBe("nobody");
    expect(faultAmong(error(end), RESULT, RESULT)).toBe("nobody");
    expect(faultAmong(error(end), error(end))).toBe("nobody");
  }
});
test("a hash that is not the hash of what was sent is always the provider's", () => {
  expect(faultAmong(error("wrong-hash"))).toBe("provider");
  expect(faultAmong(error("wrong-hash"), error("wrong-hash"), error("wrong-hash"))).toBe("provider");
});
test("the same exit code from two owners is the job's fault; another one, or where others completed it, the provider's", () => {
  expect(faultAmong(EXIT, EXIT)).toBe("job");
  expect(faultAmong(error("exit-code", 2), EXIT, EXIT, EXIT)).toBe("provider");
  expect(faultAmong(EXIT, RESULT, RESULT, RESULT)).toBe("provider");
  expect(faultAmong(EXIT, error("exit-code", 2))).toBe("nobody");
});
test("a timeout is the machine's where others were in time; two timeouts alone punish nobody", () => {
  const late = error("timed-out");
  expect(faultAmong(late)).toBe("nobody");
  expect(faultAmong(late, RESULT, RESULT)).toBe("infrastructure");
  expect(faultAmong(late, late, RESULT, RESULT)).toBe("infrastructure");
  expect(faultAmong(late, late)).toBe("nobody");
});
test("what a job may bring about puts no machine to rest before others managed it", () => {
  for (const end of ["timed-out", "start-failed", "exit-code", "out-of-memory"] as const) {
    expect(faultOf(end)).toBe("nobody");
    expect(faultAmong(error(end, 1), RESULT, RESULT, RESULT)).toMatch(/provider|infrastructure/);
  }
});
test("an output too large on two machines is the job's; machines that break alike are still to blame", () => {
  expect(faultAmong(error("too-large"), error("too-large"))).toBe("job");
  expect(faultAmong(error("too-large"), RESULT, RESULT, RESULT)).toBe("provider");
  expect(faultAmong(error("image-denied"), error("image-denied"), error("image-denied"))).toBe("job");
  expect(faultAmong(error("image-denied"), RESULT, RESULT)).toBe("provider");
  expect(faultAmong(error("infrastructure"), error("infrastructure"))).toBe("infrastructure");
  expect(faultAmong(RESULT, RESULT)).toBe("nobody");
});
test("beside an end that is no exit code a number means nothing, also where nothing was decided", () => {
  const other: Outcome = { kind: "result", digest: "b" };
  // Two of one way, and two results that differ: undecided.
  expect(faultAmong(error("out-of-memory", 137), error("out-of-memory"), RESULT, other)).toBe("job");
  expect(faultAmong(error("image-denied", 125), error("image-denied"))).toBe("job");
  expect(faultAmong(EXIT, error("exit-code", 2), RESULT, other)).toBe("nobody");
  expect(faultAmong(EXIT, EXIT, RESULT, other)).toBe("job");
});
test("whether two failed alike is the same from both sides, and a number counts beside an exit code alone", () => {
  const failure = fc.record({
    end: fc.constantFrom(...BATCH_ENDS),
    exitCode: fc.constantFrom(null, 0, 1, 137),
  });
  fc.assert(
    fc.property(failure, failure, (a, b) => {
      expect(failsAlike(a, b)).toBe(failsAlike(b, a));
      expect(failsAlike(a, a)).toBe(true);
      const ends = a.end === b.end;
      expect(failsAlike(a, b)).toBe(a.end === "exit-code" ? ends && a.exitCode === b.exitCode : ends);
    }),
  );
});
