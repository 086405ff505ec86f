// From what a panel delivered so far to one decision.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BATCH_ENDS } from "../execution/batch-state.ts";
import type { ExecutionId } from "../ids.ts";
import { RULES } from "./constants.ts";
import {
  countsAsEvidence,
  type Decision,
  decide,
  lateVote,
  type Outcome,
  type Panel,
  type PanelMember,
} from "./decide.ts";
import { type Evidence, NO_EVIDENCE } from "./evidence.ts";

const BARELY_PROVEN: Evidence = { verified: 20, bad: 0 };
const BEST: Evidence = { verified: 10_000, bad: 0 };
const WORSE: Evidence = { verified: 0, bad: 1 };
const LIVE: Outcome = { kind: "live" };
const VOID: Outcome = { kind: "void" };
const result = (digest: string): Outcome => ({ kind: "result", digest });
const exit = (exitCode: number): Outcome => ({ kind: "error", end: "exit-code", exitCode });
const TIMED_OUT: Outcome = { kind: "error", end: "timed-out", exitCode: null };
const BROKEN: Outcome = { kind: "error", end: "infrastructure", exitCode: null };

const member = (n: number, outcome: Outcome, over: Partial<PanelMember> = {}): PanelMember => ({
  ...{ id: `exec_${n}` as const, group: `group ${n}`, evidence: NO_EVIDENCE, outcome },
  ...over,
});
/** Members by their outcomes, each of an owner of its own; a pair gives the evidence as well. */
const panel = (told: readonly (Outcome | readonly [Outcome, Evidence])[], over: Partial<Panel> = {}): Panel => ({
  members: told.map((one, i) => ("kind" in one ? member(i, one) : member(i, one[0], { evidence: one[1] }))),
  ...{ quorum: 2, redundancy: 3, dispatch: "lazy", agrees: (a, b) => a === b },
  ...over,
});
/** Whether it is an end, and one that counts: machines may refuse as often as there are machines. */
const counts = (outcome: Outcome) =>
  outcome.kind === "result" ||
  (outcome.kind === "error" && outcome.end !== "cannot-run" && outcome.end !== "cancelled");
const decision = (...told: Parameters<typeof panel>) => decide(panel(...told));

const someOutcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constant(LIVE),
  fc.constant(VOID),
  { weight: 4, arbitrary: fc.constantFrom("a", "b", "c").map(result) },
  fc.constantFrom(1, 2).map(exit),
  fc.constantFrom(...BATCH_ENDS).map((end): Outcome => ({ kind: "error", end, exitCode: null })),
);
const someEvidence = fc.oneof(
  fc.constantFrom(NO_EVIDENCE, BARELY_PROVEN, BEST, WORSE),
  fc.record({
    verified: fc.double({ min: 0, max: 200, noNaN: true }),
    bad: fc.double({ min: 0, max: 20, noNaN: true }),
  }),
);
const someMember = fc.record({
  id: fc.nat(15).map((n): ExecutionId => `exec_${n}`),
  group: fc.nat(8).map((n) => `group ${n}`),
  evidence: someEvidence,
  outcome: someOutcome,
});
/** Within 1 of each other: symmetric, not transitive. */
const near: Panel["agrees"] = (a, b) => Math.abs(a.charCodeAt(0) - b.charCodeAt(0)) <= 1;
const same: Panel["agrees"] = (a, b) => a === b;
const somePanel: fc.Arbitrary<Panel> = fc.record({
  members: fc.array(someMember, { maxLength: 9 }),
  quorum: fc.integer({ min: 1, max: 3 }),
  redundancy: fc.integer({ min: 1, max: 7 }),
  dispatch: fc.constantFrom("lazy" as const, "eager" as const),
  agrees: fc.constantFrom(same, near),
});
/** Of one owner each, and each once. */
const honestPanel = somePanel.map((one) => ({
  ...one,
  members: one.members.map((each, i) => ({ ...each, id: `exec_${i}` as const, group: `group ${i}` })),
}));

describe("a decision", () => {
  test("is the same in whatever order the members come", () => {
    fc.assert(
      fc.property(
        somePanel.chain((one) =>
          fc.tuple(fc.constant(one), fc.shuffledSubarray([...one.members], { minLength: one.members.length })),
        ),
        ([one, members]) => void expect(decide({ ...one, members })).toEqual(decide(one)),
      ),
      { numRuns: 1000 },
    );
  });
  test("is not changed by members told twice, or by void ones", () => {
    fc.assert(
      fc.property(
        honestPanel.chain((one) => fc.tuple(fc.constant(one), fc.subarray([...one.members]), fc.nat(3))),
        ([one, again, voids]) => {
          const refused = Array.from({ length: voids }, (_, i) => member(100 + i, VOID, { evidence: BEST }));
          expect(decide({ ...one, members: [...again, ...one.members, ...again, ...refused] })).toEqual(decide(one));
        },
      ),
    );
  });
  test("never accepts a result with fewer than a quorum of distinct owners, nor below 0.98", () => {
    fc.assert(
      fc.property(somePanel, (one) => {
        const made = decide(one);
        if (made.kind !== "accepted") return;
        const owners = new Set(
          one.members
            .filter(({ outcome }) => outcome.kind === "result" && one.agrees(made.digest, outcome.digest))
            .map(({ group }) => group),
        );
        expect(made.groups).toBeGreaterThanOrEqual(Math.max(2, one.quorum));
        expect(owners.size).toBeGreaterThanOrEqual(made.groups);
        expect(made.credibility).toBeGreaterThanOrEqual(RULES.accept);
      }),
      { numRuns: 2000 },
    );
  });
  test("names votes that were delivered, a representative among them that has the digest itself, and nobody twice", () => {
    fc.assert(
      fc.property(honestPanel, (one) => {
        const made = decide(one);
        if (made.kind !== "accepted" && made.kind !== "unverified") return;
        const shown = one.members.find(({ id }) => id === made.representative);
        expect(shown?.outcome).toEqual(result(made.digest));
        expect(made.votes.agreed).toContain(made.representative);
        const delivered = one.members.flatMap(({ id, outcome }) =>
          outcome.kind === "result" ? [{ id, outcome }] : [],
        );
        for (const { id, outcome } of delivered) {
          const agreed = one.agrees(made.digest, outcome.digest);
          expect(made.votes.agreed.includes(id)).toBe(agreed);
          expect(made.votes.disagreed.includes(id)).toBe(!agreed && made.kind === "accepted");
        }
        expect(made.votes.agreed.length + made.votes.disagreed.length).toBeLessThanOrEqual(delivered.length);
      }),
    );
  });
  test("always comes: whoever waits for nobody is given another copy, and after 7 executions nobody is", () => {
    fc.assert(
      fc.property(honestPanel, (one) => {
        const made = decide(one);
        expect(made.sentence).toMatch(/^[A-Z0-9].*\.$/);
        if (made.kind !== "wait") return;
        if (!one.members.some(({ outcome }) => outcome.kind === "live")) expect(made.copies).toBeGreaterThan(0);
        const begun = one.members.filter(({ outcome }) => outcome.kind === "live" || counts(outcome)).length;
        expect(made.copies + Math.min(begun, RULES.mostExecutions)).toBeLessThanOrEqual(RULES.mostExecutions);
      }),
      { numRuns: 1000 },
    );
  });
  test("is reached by every run of a job within 7 executions, and 3 errors", () => {
    fc.assert(
      fc.property(
        fc.infiniteStream(someMember),
        fc.record({ quorum: fc.integer({ min: 1, max: 3 }), redundancy: fc.integer({ min: 1, max: 7 }) }),
        fc.constantFrom("lazy" as const, "eager" as const),
        (answers, rule, dispatch) => {
          const members: PanelMember[] = [];
          for (let round = 0; round < 60; round++) {
            const made = decide(panel([], { ...rule, dispatch, members }));
            expect(members.length).toBeLessThanOrEqual(7);
            if (made.kind !== "wait") return;
            for (let i = 0; i < made.copies; i++) members.push(member(members.length, LIVE));
            const next = members.findIndex(({ outcome }) => outcome.kind === "live");
            expect(next).toBeGreaterThanOrEqual(0); // it never waits for nobody
            const { outcome, evidence } = answers.next().value;
            members[next] = member(next, counts(outcome) ? outcome : BROKEN, { evidence });
          }
          throw new Error("no decision");
        },
      ),
    );
  });
});

describe("acceptance", () => {
  test("two newcomers that agree are accepted by 81/82, one is not", () => {
    expect(decision([result("a"), result("a")])).toEqual({
      ...{ kind: "accepted", digest: "a", representative: "exec_0", credibility: 81 / 82, groups: 2 },
      votes: { agreed: ["exec_0", "exec_1"], disagreed: [] },
      sentence: "2 of 2 distinct owners agree; credibility 98.8 %.",
    });
    expect(decision([result("a")])).toMatchObject({ kind: "wait", copies: 1 });
  });
  test("one owner does not decide alone, however good and however often it delivers", () => {
    expect(decision([[result("a"), BEST]])).toMatchObject({ kind: "wait", copies: 1 });
    const twice = [1, 2, 3].map((n) => member(n, result("a"), { group: "one", evidence: BEST }));
    expect(decide(panel([], { members: twice }))).toMatchObject({ kind: "wait", copies: 1 });
  });
  test("an owner that delivers two answers has one vote, its first", () => {
    const [first, second] = [member(1, result("a"), { group: "one" }), member(2, result("b"), { group: "one" })];
    const other = (digest: string) => decide(panel([], { members: [second, first, member(3, result(digest))] }));
    expect(other("a")).toMatchObject({ kind: "accepted", groups: 2, votes: { disagreed: ["exec_2"] } });
    expect(other("b")).toMatchObject({ kind: "wait", tied: true });
  });
  test("a pair of lying newcomers never outvotes a proven owner, with results or with exit codes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 20, max: 10_000 }),
        fc.boolean(),
        (owners, verified, fails) => {
          const lie = fails ? exit(1) : result("lie");
          const honest = Array.from({ length: owners }, () => [result("truth"), { verified, bad: 0 }] as const);
          const made = decision([lie, lie, ...honest]);
          expect(made.kind).not.toBe("job-error");
          if (made.kind === "accepted") expect(made.digest).toBe("truth");
          if (owners >= 3) expect(made.kind).toBe("accepted");
        },
      ),
    );
  });
  test("known liars that agree weigh less than one newcomer", () => {
    const liar = { verified: 0, bad: 9 };
    expect(
      decision([
        [result("a"), liar],
        [result("a"), liar],
      ]),
    ).toMatchObject({ kind: "wait", copies: 1 });
  });
  test("high assurance takes three owners, for a result and for an exit code", () => {
    const high = { quorum: 3 };
    expect(decision([result("a"), result("a")], high)).toMatchObject({ kind: "wait", copies: 1 });
    expect(decision([result("a"), result("a"), result("a")], high)).toMatchObject({ kind: "accepted", groups: 3 });
    expect(decision([exit(1), exit(1)], high)).toMatchObject({ kind: "wait", copies: 1 });
    expect(decision([exit(1), exit(1), exit(1)], high)).toMatchObject({ kind: "job-error", exitCode: 1 });
  });
  test("one is enough where one was asked for, and shown as unverified", () => {
    expect(decision([result("a")], { quorum: 1 })).toMatchObject({
      ...{ kind: "unverified", digest: "a", groups: 1 },
      sentence: "Accepted unverified, as asked, on the word of 1 owner; credibility 90.0 %.",
    });
    expect(decision([exit(1)], { quorum: 1 })).toMatchObject({ kind: "wait", copies: 1 });
    expect(decision([exit(1), result("a")], { quorum: 1 })).toMatchObject({ kind: "unverified" });
  });
  test("of numbers, the class that weighs most is accepted, of equal ones that with the least digest", () => {
    // b agrees with a and with c, which do not agree with each other.
    const told = [result("c"), result("b"), result("a")];
    expect(decision(told, { agrees: near })).toMatchObject({
      ...{ kind: "accepted", digest: "b", representative: "exec_1", groups: 3 },
      votes: { agreed: ["exec_0", "exec_1", "exec_2"], disagreed: [] },
    });
    expect(decision([result("b"), result("a")], { agrees: near })).toMatchObject({
      digest: "a",
      representative: "exec_1",
    });
    const apart = [...told, [result("e"), WORSE] as const];
    expect(decision(apart, { agrees: near })).toMatchObject({ digest: "b", votes: { disagreed: ["exec_3"] } });
  });
});

describe("waiting", () => {
  test("lazily gives a quorum, then one more for a disagreement, an error or a timeout, and none while those that run may decide", () => {
    expect(decision([])).toMatchObject({ kind: "wait", copies: 2, tied: false });
    expect(decision([LIVE, LIVE])).toMatchObject({ copies: 0 });
    expect(decision([LIVE, result("a")])).toMatchObject({ copies: 0 });
    expect(decision([LIVE, BROKEN])).toMatchObject({ copies: 1 });
    expect(decision([result("a"), TIMED_OUT])).toMatchObject({ copies: 1 });
    expect(decision([TIMED_OUT, BROKEN])).toMatchObject({ copies: 2 });
    expect(decision([result("a"), result("b")])).toMatchObject({ copies: 1 });
    expect(decision([VOID, LIVE])).toMatchObject({ copies: 1 });
  });
  test("gives one more at once where those that run could not decide if they agreed", () => {
    // 81/(81 + 9 + 1) is below 0.98, so the third newcomer alone decides nothing; a proven one does.
    expect(decision([result("a"), result("b"), LIVE])).toMatchObject({ copies: 1 });
    expect(decision([result("a"), result("b"), [LIVE, BEST]])).toMatchObject({ copies: 0 });
    expect(decision([result("a"), result("b"), LIVE, LIVE])).toMatchObject({ copies: 0 });
  });
  test("eagerly gives all at once, at least a quorum, at most 7", () => {
    const eager = { dispatch: "eager" as const };
    expect(decision([], { ...eager, redundancy: 3 })).toMatchObject({ copies: 3 });
    expect(decision([], { ...eager, redundancy: 1, quorum: 3 })).toMatchObject({ copies: 3 });
    expect(decision([], { ...eager, redundancy: 50 })).toMatchObject({ copies: 7 });
    expect(decision([result("a"), LIVE, LIVE], eager)).toMatchObject({ copies: 0 });
    expect(decision([result("a"), BROKEN, LIVE], eager)).toMatchObject({ copies: 0 });
    expect(decision([result("a"), BROKEN, BROKEN], eager)).toMatchObject({ copies: 1 });
  });
  test("says where the votes stand equal", () => {
    expect(decision([result("a"), result("b")])).toMatchObject({ tied: true, copies: 1 });
    expect(decision([result("a"), exit(1)])).toMatchObject({ tied: true, copies: 1 });
    expect(decision([result("a"), [result("b"), BARELY_PROVEN]])).toMatchObject({ tied: false, copies: 1 });
    expect(decision([result("a"), result("b"), BROKEN]).sentence).toBe(
      "2 owners gave 2 different results; 0 running, 1 more wanted.",
    );
  });
});

describe("an end without a result", () => {
  test("two owners whose copies fail alike, and nothing against it, are the job's error", () => {
    expect(decision([exit(3), exit(3)])).toEqual({
      ...{ kind: "job-error", end: "exit-code", exitCode: 3 },
      sentence: "2 of 2 distinct owners ended with exit code 3; credibility 98.8 %.",
    });
    expect(decision([exit(3), exit(4)])).toMatchObject({ kind: "wait", copies: 1, tied: true });
    expect(decision([exit(3), member(7, exit(3), { group: "group 0" }).outcome])).toMatchObject({ kind: "job-error" });
    const tooLarge: Outcome = { kind: "error", end: "too-large", exitCode: null };
    expect(decision([tooLarge, { ...tooLarge, exitCode: 137 }])).toEqual({
      ...{ kind: "job-error", end: "too-large", exitCode: null },
      sentence: "2 of 2 distinct owners got more output than the 1 MiB of a result; credibility 98.8 %.",
    });
    expect(decision([tooLarge, exit(3)])).toMatchObject({ kind: "wait", copies: 1, tied: true });
    expect(decision([tooLarge, result("a"), tooLarge])).toMatchObject({ kind: "wait" });
    const oneOwner = [member(1, exit(3), { group: "one" }), member(2, exit(3), { group: "one" })];
    expect(decide(panel([], { members: oneOwner }))).toMatchObject({ kind: "wait", copies: 1 });
  });
  test("nobody blames the job alone, however good, also where one result is enough", () => {
    for (const quorum of [1, 2])
      expect(decision([[exit(3), BEST]], { quorum })).toMatchObject({ kind: "wait", copies: 1 });
    expect(decision([[exit(3), BEST], exit(3)], { quorum: 1 })).toMatchObject({ kind: "job-error", exitCode: 3 });
  });
  test("three proven owners that all differ make a job nondeterministic; with a newcomer among them they do not", () => {
    const three = ["a", "b", "c"].map((digest) => [result(digest), BARELY_PROVEN] as const);
    expect(decision(three)).toMatchObject({ kind: "nondeterministic" });
    expect(decision([...three.slice(1), result("a")])).toMatchObject({ kind: "wait" });
    expect(decision([...three, result("a")])).toMatchObject({ kind: "wait" });
  });
  test("three owners of which no two are alike say so, also where they are newcomers", () => {
    const two = [result("a"), result("b")];
    expect(decision(two)).toMatchObject({
      differs: false,
      sentence: expect.stringMatching(/^2 owners gave 2 different/),
    });
    expect(decision([...two, result("c")])).toMatchObject({ kind: "wait", differs: true });
    expect(decision([...two, result("a")])).toMatchObject({ differs: false });
    expect(decision([...two, exit(1)])).toMatchObject({ differs: false });
  });
  test("three errors fail a job, once those that run can no longer decide it; failures alike are none", () => {
    expect(decision([BROKEN, BROKEN, TIMED_OUT])).toEqual({
      ...{ kind: "failed", end: null },
      sentence: "3 owners' machines could not run it. Too many errors to go on.",
    });
    const noImage: Outcome = { kind: "error", end: "image-not-found", exitCode: null };
    expect(decision([noImage, noImage, noImage])).toEqual({
      ...{ kind: "failed", end: "image-not-found" },
      sentence: "3 owners' machines could not run it. The image does not exist, or its name is not one.",
    });
    expect(decision([noImage, result("a"), result("a")])).toMatchObject({ kind: "accepted" });
    expect(decision([BROKEN, BROKEN, TIMED_OUT, result("a"), LIVE])).toMatchObject({ kind: "wait", copies: 0 });
    expect(decision([BROKEN, BROKEN, TIMED_OUT, LIVE])).toMatchObject({ kind: "failed" });
    expect(decision([BROKEN, BROKEN, exit(1)])).toMatchObject({ kind: "failed" });
    expect(decision([BROKEN, BROKEN, [exit(1), WORSE], [exit(1), WORSE]])).toMatchObject({ kind: "wait", copies: 1 });
    expect(decision([result("a"), BROKEN, BROKEN, TIMED_OUT, result("a")])).toMatchObject({ kind: "accepted" });
  });
  test("seven executions that do not decide leave it unresolved", () => {
    const six = ["a", "b", "c", "d", "e", "f"].map(result);
    expect(decision(six)).toMatchObject({ kind: "wait", copies: 1 });
    expect(decision([...six, [LIVE, BEST]])).toMatchObject({ kind: "unresolved" });
    expect(decision([...six, result("g")])).toEqual({
      ...{ kind: "unresolved", differs: true },
      sentence: "7 executions, and no result that 2 distinct owners agree on beyond doubt.",
    });
    const close = ["a", "a", "a", "b", "b", "b"].map(result);
    expect(decision([...close, [LIVE, BEST]])).toMatchObject({ kind: "wait", copies: 0 });
  });
});

describe("a vote that comes late", () => {
  test("agrees or not with what was accepted, and with nothing where nothing was", () => {
    const accepted = decision([result("a"), result("a")]);
    expect(lateVote(accepted, "a", same)).toBe("agreed");
    expect(lateVote(accepted, "b", same)).toBe("disagreed");
    expect(lateVote(accepted, "b", near)).toBe("agreed");
    const others: Decision[] = [decision([exit(1), exit(1)]), decision([BROKEN, BROKEN, BROKEN]), decision([])];
    for (const made of others) expect(lateVote(made, "a", same)).toBeNull();
  });
  test("against an unverified result proves nobody wrong", () => {
    const unverified = decision([result("a")], { quorum: 1 });
    expect(lateVote(unverified, "a", same)).toBe("agreed");
    expect(lateVote(unverified, "b", same)).toBeNull();
  });
});

test("votes are evidence only from panels drawn of 5 owners and of half of those there are without the customer's filters", () => {
  expect(countsAsEvidence({ groups: 5, unfiltered: 10 })).toBe(true);
  expect(countsAsEvidence({ groups: 5, unfiltered: 11 })).toBe(false);
  expect(countsAsEvidence({ groups: 4, unfiltered: 4 })).toBe(false);
});
