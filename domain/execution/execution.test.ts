// The life of an execution: the table is the law, and the plan keeps to it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isAppError } from "../errors.ts";
import {
  type ExecutionSnapshot,
  planExecution,
  START_TIMEOUT_MS,
  STOP_GRACE_MS,
  UNREACHABLE_GRACE_MS,
} from "./plan.ts";
import { isPlacedAgain } from "./replace.ts";
import { END_CAUSES, type Observed } from "./spec.ts";
import { advance, allows, EXECUTION_EVENTS, EXECUTION_STATUSES, isLive } from "./state.ts";

const NOW = new Date("2026-06-01T12:00:00.000Z");
const ago = (ms: number) => new Date(NOW.getTime() - ms);
const inMs = (ms: number) => new Date(NOW.getTime() + ms);
const READY: Observed = { state: "ready", endpoint: { host: "127.0.0.1", port: 30_000, user: "root" } };
const ABSENT: Observed = { state: "absent" };

function seen(over: Partial<ExecutionSnapshot> = {}): ExecutionSnapshot {
  return {
    status: "running",
    desired: "run",
    stopReason: null,
    stopRequestedAt: null,
    createdAt: ago(60_000),
    appliedAt: ago(59_000),
    startedAt: ago(58_000),
    expiresAt: inMs(3_600_000),
    silentSince: null,
    providerGone: false,
    maintenanceUntil: null,
    ...over,
  };
}

const when = fc.option(fc.integer({ min: -3_600_000, max: 3_600_000 }).map(inMs), { nil: null });
const snapshots: fc.Arbitrary<ExecutionSnapshot> = fc.record({
  status: fc.constantFrom(...EXECUTION_STATUSES),
  desired: fc.constantFrom("run", "stop"),
  stopReason: fc.constantFrom(null, "stopped-by-customer"),
  stopRequestedAt: when,
  createdAt: fc.integer({ min: 0, max: 7_200_000 }).map(ago),
  appliedAt: when,
  startedAt: when,
  expiresAt: when,
  silentSince: when,
  providerGone: fc.boolean(),
  maintenanceUntil: when,
});
const observations: fc.Arbitrary<Observed> = fc.oneof(
  fc.constant<Observed>(ABSENT),
  fc.constant<Observed>({ state: "starting" }),
  fc.constant<Observed>({ state: "starting", incomplete: true }),
  fc.constant(READY),
  fc.record({
    state: fc.constant("ended"),
    exitCode: fc.option(fc.integer({ min: 0, max: 255 }), { nil: null }),
    cause: fc.constantFrom(...END_CAUSES),
    detail: fc.string(),
    endedAt: fc.integer({ min: -7_200_000, max: 7_200_000 }).map(inMs),
  }),
);

describe("the table", () => {
  test("an absent cell is a refused event", () => {
    for (const status of EXECUTION_STATUSES)
      for (const event of EXECUTION_EVENTS)
        if (!allows(status, event)) {
          try {
            advance(status, event);
            expect.unreachable();
          } catch (error) {
            expect(isAppError(error) && error.code).toBe("conflict");
          }
        }
  });
  test("every live status can reach an end, and no ended one can leave it", () => {
    for (const status of EXECUTION_STATUSES) {
      const reached = new Set([status]);
      for (const from of reached)
        for (const event of EXECUTION_EVENTS) if (allows(from, event)) reached.add(advance(from, event));
      expect([...reached].some((s) => !isLive(s))).toBe(true);
      if (!isLive(status)) expect(reached.size).toBe(1);
    }
  });
});

describe("the plan", () => {
  test("every event it names is one the table allows, every end has a reason and a time that is not in the future", () => {
    fc.assert(
      fc.property(snapshots, observations, (snapshot, observed) => {
        const plan = planExecution(snapshot, observed, NOW);
        if (!plan.event) return;
        const next = advance(snapshot.status, plan.event);
        if (isLive(next)) {
          expect(plan.againAt).not.toBeNull();
          return;
        }
        expect(plan.reason).not.toBeNull();
        if (!plan.endedAt) throw new Error("an end without a time");
        expect(plan.endedAt <= NOW).toBe(true);
        const begun = snapshot.startedAt ?? snapshot.createdAt;
        expect(plan.endedAt >= begun || begun > NOW).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });
  test("a live execution is always looked at again", () => {
    fc.assert(
      fc.property(snapshots, observations, (snapshot, observed) => {
        const plan = planExecution(snapshot, observed, NOW);
        if (isLive(snapshot.status) && !plan.event) expect(plan.againAt).not.toBeNull();
      }),
      { numRuns: 5_000 },
    );
  });
  test("what has ended is removed where a cluster still holds it", () => {
    expect(planExecution(seen({ status: "stopped" }), READY, NOW)).toMatchObject({ act: "remove", event: null });
    expect(planExecution(seen({ status: "failed" }), ABSENT, NOW)).toMatchObject({ act: "none", event: null });
  });
  test("it is applied, and applied again until it answers", () => {
    expect(planExecution(seen({ status: "scheduled", startedAt: null }), ABSENT, NOW)).toMatchObject({
      act: "apply",
      event: "applied",
    });
    expect(planExecution(seen({ status: "starting", startedAt: null }), ABSENT, NOW)).toMatchObject({
      act: "apply",
      event: null,
    });
    expect(planExecution(seen({ status: "starting", startedAt: null }), READY, NOW)).toMatchObject({ event: "ready" });
  });
  test("what runs and misses something around it is given that back; what is whole is let alone", () => {
    const incomplete: Observed = { state: "starting", incomplete: true };
    for (const status of ["starting", "running"] as const) {
      const startedAt = status === "running" ? ago(58_000) : null;
      expect(planExecution(seen({ status, startedAt }), incomplete, NOW)).toMatchObject({ act: "apply", event: null });
      expect(planExecution(seen({ status, startedAt }), { state: "starting" }, NOW)).toMatchObject({
        ...{ act: "none", event: null },
      });
    }
  });
  test("what runs and is seen starting, as by a worker that has not asked its door yet, goes on", () => {
    const plan = planExecution(seen(), { state: "starting" }, NOW);
    expect(plan).toMatchObject({ act: "none", event: null, endedAt: null });
  });
  test("a start that takes too long is given up, uncharged", () => {
    const late = seen({ status: "starting", startedAt: null, expiresAt: null, appliedAt: ago(START_TIMEOUT_MS) });
    expect(planExecution(late, { state: "starting" }, NOW)).toMatchObject({
      act: "remove",
      event: "gaveUp",
      reason: "start-timeout",
    });
  });
  test("silence while starting fails it; silence while running only makes it unreachable", () => {
    const silent = { silentSince: ago(121_000) };
    expect(
      planExecution(seen({ status: "starting", startedAt: null, expiresAt: null, ...silent }), ABSENT, NOW).event,
    ).toBe("heartbeatLost");
    expect(planExecution(seen(silent), READY, NOW)).toMatchObject({ act: "none", event: "heartbeatLost" });
  });
  test("a provider lost for over ten minutes is charged to its last proof of life", () => {
    const silentSince = ago(UNREACHABLE_GRACE_MS);
    const startedAt = ago(2 * UNREACHABLE_GRACE_MS);
    const plan = planExecution(seen({ status: "unreachable", silentSince, startedAt }), READY, NOW);
    expect(plan).toMatchObject({ event: "graceOver", reason: "provider-lost", endedAt: silentSince });
  });
  test("announced maintenance is waited out, and not a moment longer", () => {
    const silentSince = ago(3 * UNREACHABLE_GRACE_MS);
    const out = { status: "unreachable" as const, silentSince };
    const inside = planExecution(seen({ ...out, maintenanceUntil: inMs(1) }), READY, NOW);
    expect(inside).toMatchObject({ act: "none", event: null, againAt: inMs(1) });
    expect(planExecution(seen({ ...out, maintenanceUntil: NOW }), READY, NOW)).toMatchObject({ event: "graceOver" });
    const short = planExecution(seen({ ...out, silentSince: NOW, maintenanceUntil: inMs(1) }), READY, NOW);
    expect(short.againAt).toEqual(inMs(UNREACHABLE_GRACE_MS)); // a short window takes nothing from the grace
  });
  test("on a suspended provider nothing begins to run, and what waited is tried elsewhere", () => {
    const gone = { providerGone: true, startedAt: null, expiresAt: null };
    for (const status of ["scheduled", "starting"] as const) {
      const plan = planExecution(seen({ ...gone, status }), READY, NOW);
      expect(plan).toMatchObject({ act: "remove", reason: "provider-suspended" });
      const end = { startedAt: null, desired: "run", pinned: false, attempt: 1 } as const;
      if (!plan.event) throw new Error("it went on");
      expect(isPlacedAgain({ ...end, status: advance(status, plan.event), reason: plan.reason })).toBe(true);
    }
  });
  test("what runs on a suspended provider is stopped, even where the suspension came while it began", () => {
    for (const status of ["running", "unreachable"] as const) {
      const plan = planExecution(seen({ status, providerGone: true }), READY, NOW);
      expect(plan).toMatchObject({ act: "remove", event: "stopRequested", reason: "provider-suspended" });
    }
    const over = planExecution(seen({ providerGone: true, expiresAt: ago(1) }), READY, NOW);
    expect(over.reason).toBe("expired");
  });
  test("a stop is billed to the moment it was asked for, however long the provider takes", () => {
    const asked = ago(90_000);
    const stopping = seen({
      startedAt: ago(600_000),
      status: "stopping",
      desired: "stop",
      stopReason: "stopped-by-customer",
      stopRequestedAt: asked,
    });
    expect(planExecution(stopping, READY, NOW)).toMatchObject({ act: "remove", event: null });
    expect(planExecution(stopping, ABSENT, NOW)).toMatchObject({
      event: "gone",
      reason: "stopped-by-customer",
      endedAt: asked,
    });
    const never = { ...stopping, stopRequestedAt: ago(STOP_GRACE_MS) };
    expect(planExecution(never, READY, NOW)).toMatchObject({ event: "graceOver" });
  });
  test("the end of the time that was paid for stops it, and is where billing ends", () => {
    const expiresAt = ago(3_000);
    expect(planExecution(seen({ expiresAt }), READY, NOW)).toMatchObject({
      act: "remove",
      event: "stopRequested",
      reason: "expired",
    });
    const stopping = seen({
      status: "stopping",
      desired: "stop",
      stopReason: "expired",
      stopRequestedAt: expiresAt,
      expiresAt,
    });
    expect(planExecution(stopping, ABSENT, NOW)).toMatchObject({ event: "gone", endedAt: expiresAt });
  });
  test("a provider's own word about the end may shorten the bill, never lengthen it", () => {
    const ended = (endedAt: Date): Observed => ({ state: "ended", exitCode: 1, cause: "killed", detail: "", endedAt });
    expect(planExecution(seen(), ended(inMs(60_000)), NOW).endedAt).toEqual(NOW);
    expect(planExecution(seen(), ended(ago(10_000)), NOW).endedAt).toEqual(ago(10_000));
  });
});

test("only what never ran, is still wanted and was not pinned is placed again", () => {
  const end = {
    status: "failed",
    reason: "provider-silent",
    startedAt: null,
    desired: "run",
    pinned: false,
    attempt: 1,
  } as const;
  expect(isPlacedAgain(end)).toBe(true);
  expect(isPlacedAgain({ ...end, startedAt: NOW })).toBe(false);
  expect(isPlacedAgain({ ...end, desired: "stop" })).toBe(false);
  expect(isPlacedAgain({ ...end, pinned: true })).toBe(false);
  expect(isPlacedAgain({ ...end, attempt: 3 })).toBe(false);
  expect(isPlacedAgain({ ...end, reason: "expired" })).toBe(false);
});
