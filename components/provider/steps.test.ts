import fc from "fast-check";
import { expect, test } from "vitest";
import { ADMISSIONS, DRAINS, PRESENCES, providerStatus } from "../../domain/provider/state.ts";
import { stepsOf } from "./steps.ts";

const NODES = ["waiting-for-approval", "issuing", "waiting-for-node", "joined", "not-ready", "gone"] as const;
const machine = fc
  .record({
    admission: fc.constantFrom(...ADMISSIONS),
    presence: fc.constantFrom(...PRESENCES),
    drain: fc.constantFrom(...DRAINS),
    node: fc.option(fc.constantFrom(...NODES)),
  })
  .map(({ admission, presence, drain, node }) => ({
    admission,
    presence,
    drain,
    status: providerStatus(admission, presence, drain),
    admission_reason: "",
    gpus: [{ model: "m", vram_mb: 1, total: 2, available: 2, in_use: 0, mining: 0 }],
    node: node && {
      node_name: "n",
      state: node,
      join_command: null,
      expires_at: null,
      allocatable_gpus: null,
      declared_gpus: 2,
      kubelet_version: null,
    },
  }));

test("at most one step is the present one; before it all are done, after it none", () => {
  fc.assert(
    fc.property(machine, (one) => {
      const states = stepsOf(one).map(({ state }) => state);
      expect(states.join(" ")).toMatch(/^(done ?)+(now|stopped)?( later)*$/);
    }),
  );
});

test("a machine that takes work has all its steps behind it", () => {
  const one = { admission: "approved", presence: "online", drain: "none", status: "available" } as const;
  const steps = stepsOf({ ...one, admission_reason: "", gpus: [], node: null });
  expect(steps.every(({ state }) => state === "done")).toBe(true);
});

test("the present step says what to do", () => {
  const one = { admission: "approved", presence: "unseen", drain: "none", status: "approved" } as const;
  const [, , now] = stepsOf({ ...one, admission_reason: "", gpus: [], node: null });
  expect(now).toEqual({ title: "First report", state: "now", detail: expect.stringContaining("Start the agent") });
});
