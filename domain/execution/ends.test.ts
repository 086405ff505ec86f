// Whose fault an end is and what it costs, for every cause that a cluster can tell and every status it can come in.
import { describe, expect, test } from "vitest";
import { type Fault, REASONS, type ReasonCode } from "../job/reasons.ts";
import { billedSeconds } from "../money/charge.ts";
import { type ExecutionSnapshot, planExecution } from "./plan.ts";
import { END_CAUSES, type EndCause, type Observed } from "./spec.ts";
import { advance } from "./state.ts";

const NOW = new Date("2026-06-01T12:00:00.000Z");
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000);
const STARTED = ago(100);
const SILENT = ago(40);
const ASKED = ago(30);
const ENDED = ago(20);

/** What the customer reads where it never ran, and where it did. A start that failed costs nothing. */
const LAW: {
  readonly [C in EndCause]: { readonly starting: ReasonCode; readonly ran: ReasonCode; readonly fault: Fault };
} = {
  exited: { starting: "ended-by-itself", ran: "ended-by-itself", fault: "customer" },
  "start-failed": { starting: "start-failed", ran: "ended-by-itself", fault: "provider" },
  killed: { starting: "killed", ran: "killed", fault: "provider" },
  deadline: { starting: "expired", ran: "expired", fault: "nobody" },
  "demo-stopped": { starting: "demo-stopped", ran: "demo-stopped", fault: "broker" },
  "sandbox-missing": { starting: "sandbox-missing", ran: "ended-by-itself", fault: "provider" },
  "image-not-found": { starting: "image-not-found", ran: "ended-by-itself", fault: "customer" },
  "image-denied": { starting: "image-denied", ran: "ended-by-itself", fault: "customer" },
  "unfit-image": { starting: "unfit-image", ran: "ended-by-itself", fault: "customer" },
  "ssh-silent": { starting: "ssh-silent", ran: "ended-by-itself", fault: "provider" },
  unschedulable: { starting: "unschedulable", ran: "ended-by-itself", fault: "provider" },
  quota: { starting: "over-limit", ran: "ended-by-itself", fault: "customer" },
  "out-of-memory": { starting: "out-of-memory", ran: "out-of-memory", fault: "customer" },
  "out-of-disk": { starting: "out-of-disk", ran: "out-of-disk", fault: "customer" },
  evicted: { starting: "evicted", ran: "evicted", fault: "provider" },
  "node-lost": { starting: "node-lost", ran: "node-lost", fault: "provider" },
};

function seen(over: Partial<ExecutionSnapshot>): ExecutionSnapshot {
  return {
    status: "running",
    desired: "run",
    stopReason: null,
    stopRequestedAt: null,
    createdAt: ago(120),
    appliedAt: ago(119),
    startedAt: STARTED,
    expiresAt: new Date(NOW.getTime() + 3_600_000),
    silentSince: null,
    providerGone: false,
    maintenanceUntil: null,
    ...over,
  };
}

const ended = (cause: EndCause, exitCode: number | null): Observed => ({
  state: "ended",
  ...{ cause, exitCode, detail: "", endedAt: ENDED },
});

/** @returns the reason, and seconds billed (outage aside) */
function end(snapshot: ExecutionSnapshot, cause: EndCause, exitCode: number | null = 1) {
  const plan = planExecution(snapshot, ended(cause, exitCode), NOW);
  if (!plan.event || !plan.endedAt) throw new Error(`${cause} is no end of what is ${snapshot.status}`);
  const billed = snapshot.startedAt ? billedSeconds(snapshot.startedAt, plan.endedAt) : 0;
  return { status: advance(snapshot.status, plan.event), reason: plan.reason, billed };
}

/** What ran cannot have been silent: see below. */
const OF_WHAT_RAN = END_CAUSES.filter((cause) => cause !== "ssh-silent");

describe.each(END_CAUSES)("an end by %s", (cause) => {
  const { starting, fault } = LAW[cause];
  test("before it ran has the cause's own reason and fault, and costs nothing", () => {
    const snapshot = seen({ status: "starting", startedAt: null, expiresAt: null });
    expect(end(snapshot, cause)).toEqual({ status: "failed", reason: starting, billed: 0 });
    expect(REASONS[starting].fault).toBe(fault);
  });
});

describe.each(OF_WHAT_RAN)("an end by %s", (cause) => {
  const { ran } = LAW[cause];
  test("while it runs is charged until it ended, whoever's fault it was", () => {
    expect(end(seen({}), cause)).toEqual({ status: "failed", reason: ran, billed: 80 });
  });
  test("while it was out of reach is charged until the last sign of life", () => {
    const snapshot = seen({ status: "unreachable", silentSince: SILENT });
    expect(end(snapshot, cause)).toEqual({ status: "failed", reason: ran, billed: 60 });
  });
  test("while it stops is the stop, charged until it was asked for", () => {
    const asked = { desired: "stop", stopReason: "stopped-by-customer", stopRequestedAt: ASKED } as const;
    const snapshot = seen({ status: "stopping", ...asked });
    expect(end(snapshot, cause)).toEqual({ status: "stopped", reason: "stopped-by-customer", billed: 70 });
  });
});

test("what ran and ended without an exit code was ended on the provider, not by its customer", () => {
  for (const cause of OF_WHAT_RAN.filter((cause) => LAW[cause].ran !== LAW[cause].starting))
    expect(end(seen({}), cause, null).reason).toBe("killed");
});

test("no reason that says nothing was charged is ever the end of what ran", () => {
  for (const cause of OF_WHAT_RAN)
    for (const status of ["running", "unreachable"] as const)
      for (const exitCode of [0, 1, null]) {
        const { reason } = end(seen({ status }), cause, exitCode);
        if (!reason) throw new Error("an end without a reason");
        expect(REASONS[reason].remedy, `${cause} while ${status}`).not.toContain("Nothing was charged");
      }
});

test("what ran is not ended by a door that does not answer: a worker may be new, or the customer closed it", () => {
  for (const status of ["running", "unreachable", "stopping"] as const) {
    const silent = planExecution(seen({ status }), ended("ssh-silent", null), NOW);
    expect(silent).toEqual(planExecution(seen({ status }), { state: "starting" }, NOW));
    expect(silent.endedAt).toBeNull();
  }
});

test("a clock that is wrong by an hour ends nothing before it began, nor in the future", () => {
  for (const cause of OF_WHAT_RAN)
    for (const wrongBy of [-3600, 3600])
      for (const status of ["starting", "running", "unreachable"] as const) {
        const snapshot = seen({ status, ...(status === "starting" ? { startedAt: null, expiresAt: null } : {}) });
        const told: Observed = { state: "ended", cause, exitCode: 1, detail: "", endedAt: ago(20 - wrongBy) };
        const { endedAt } = planExecution(snapshot, told, NOW);
        expect(endedAt && endedAt >= (snapshot.startedAt ?? snapshot.createdAt) && endedAt <= NOW).toBe(true);
      }
});
