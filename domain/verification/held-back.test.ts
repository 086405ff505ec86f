// Whom a quarantine follows, and whom it leaves alone.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEMO_ANONYMOUS_ACCOUNT } from "../demo.ts";
import { BATCH_PURPOSES } from "../job/batch.ts";
import { RUNTIMES } from "../provider/state.ts";
import { RULES } from "./constants.ts";
import { isProven, NO_EVIDENCE } from "./evidence.ts";
import { caughtOwners, heldBackBy, heldBackSentence, isOpenToHeldBack } from "./held-back.ts";

const LIVE = { demo: false };
const PROVEN = { verified: RULES.provenAt, bad: 0 };
const liar = { owner: "0xBAD", group: "prov_a", runtime: "external" } as const;
const caught = caughtOwners([liar], LIVE);
const newcomer = { owner: "0xbad", group: "prov_a", runtime: "docker", evidence: NO_EVIDENCE } as const;

const machine = fc.record({
  owner: fc.constantFrom("0xa", "0xb", "0xc", DEMO_ANONYMOUS_ACCOUNT),
  group: fc.constantFrom("prov_a", "prov_b", "prov_c"),
  runtime: fc.constantFrom(...RUNTIMES),
  evidence: fc.record({ verified: fc.double({ min: 0, max: 40, noNaN: true }), bad: fc.nat(3) }),
});
const belongings = fc.array(
  fc.record({
    owner: fc.constantFrom("0xa", "0xb"),
    group: fc.constantFrom("prov_a", "prov_b"),
    runtime: fc.constantFrom(...RUNTIMES),
  }),
  {
    maxLength: 4,
  },
);

describe("a machine without a record of its own", () => {
  test("is held back with any machine of its account in quarantine, however the address is written", () => {
    for (const runtime of RUNTIMES)
      expect(heldBackBy({ ...newcomer, runtime, group: "prov_z" }, caught)).toBe("account");
  });
  test("is held back with its owner group where it is a third-party worker, and only there", () => {
    for (const runtime of RUNTIMES) {
      const stranger = { ...newcomer, runtime, owner: "0xnew" };
      expect(heldBackBy(stranger, caught)).toBe(runtime === "external" ? "group" : null);
    }
  });
  test("is not held back for a caught agent of another account, whatever network and GPUs that claimed", () => {
    const stranger = { ...newcomer, runtime: "external", owner: "0xnew" } as const;
    for (const runtime of RUNTIMES.filter((one) => one !== "external"))
      expect(heldBackBy(stranger, caughtOwners([{ ...liar, runtime }], LIVE))).toBeNull();
  });
});
test("a machine with a record of its own answers for itself alone", () => {
  fc.assert(
    fc.property(machine, belongings, (one, those) => {
      const by = heldBackBy(one, caughtOwners(those, LIVE));
      if (isProven(one.evidence)) expect(by).toBeNull();
    }),
  );
});
test("nobody is held back who shares neither account nor group with a machine in quarantine; what proves itself is free for good", () => {
  fc.assert(
    fc.property(machine, belongings, (one, those) => {
      const shares = those.some(({ owner, group }) => owner === one.owner || group === one.group);
      if (!shares) expect(heldBackBy(one, caughtOwners(those, LIVE))).toBeNull();
      expect(heldBackBy({ ...one, evidence: PROVEN }, caughtOwners(those, LIVE))).toBeNull();
      expect(heldBackBy(one, caughtOwners([], LIVE))).toBeNull();
    }),
  );
});
test("in a demo the account of those who are not logged in makes no two of them one", () => {
  const nobody = { owner: DEMO_ANONYMOUS_ACCOUNT, group: "prov_a", runtime: "external" } as const;
  const other = { ...newcomer, owner: DEMO_ANONYMOUS_ACCOUNT, group: "prov_b", runtime: "external" } as const;
  expect(heldBackBy(other, caughtOwners([nobody], { demo: true }))).toBeNull();
  expect(heldBackBy(other, caughtOwners([nobody], LIVE))).toBe("account");
});
test("who is held back runs canaries and audits, by which it comes to a record, and neither customers' jobs nor what settles others'", () => {
  expect(BATCH_PURPOSES.filter(isOpenToHeldBack)).toEqual(["canary", "audit"]);
});
test("the sentence says why, and what ends it", () => {
  expect(heldBackSentence("account")).toContain("Another machine of its owner is in quarantine");
  expect(heldBackSentence("group")).toContain("by the network it calls from");
  for (const by of ["account", "group"] as const)
    expect(heldBackSentence(by)).toContain(`${RULES.provenAt} verified results`);
});
