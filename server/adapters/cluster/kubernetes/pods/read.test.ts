import { describe, expect, test } from "vitest";
import { UNFIT_IMAGE } from "./entry.ts";
import { PodObject, podState } from "./read.ts";

const NOW = new Date("2026-06-01T12:00:00.000Z");
const ADDRESS = { host: "node.example", port: 30_022 };
const ago = (ms: number) => new Date(NOW.getTime() - ms).toISOString();

function pod(status: object, given: { createdMs?: number; deleted?: boolean } = {}) {
  const { createdMs = 1_000, deleted = false } = given;
  return PodObject.parse({
    metadata: {
      name: "exec-1",
      namespace: "berth-0x",
      creationTimestamp: ago(createdMs),
      ...(deleted ? { deletionTimestamp: ago(500) } : {}),
    },
    status,
  });
}
const state = (status: object, given = {}) => podState(pod(status, given), ADDRESS, NOW);
const waiting = (reason: string, message = "", createdMs = 1_000) =>
  state(
    { phase: "Pending", containerStatuses: [{ ready: false, state: { waiting: { reason, message } } }] },
    { createdMs },
  );
const terminated = (facts: object, status: object = { phase: "Failed" }) =>
  state({ ...status, containerStatuses: [{ ready: false, state: { terminated: facts } }] });

describe("a pod that runs", () => {
  const running = { phase: "Running", containerStatuses: [{ ready: true, state: { running: {} } }] };
  test("is ready at its node port, and starting while it has none or does not answer", () => {
    expect(state(running)).toEqual({ state: "ready", endpoint: { ...ADDRESS, user: "root" } });
    expect(podState(pod(running), null, NOW)).toEqual({ state: "starting" });
    expect(state({ phase: "Running", containerStatuses: [{ ready: false, state: {} }] })).toEqual({
      state: "starting",
    });
  });
  test("is still there while it is on its way out: its end is when it is gone", () => {
    expect(state(running, { deleted: true })).toEqual({ state: "starting" });
  });
});

describe("an image that does not come", () => {
  test("ends at once where it can never come", () => {
    expect(waiting("InvalidImageName")).toMatchObject({ cause: "image-not-found" });
    expect(waiting("ErrImageNeverPull")).toMatchObject({ cause: "image-not-found" });
    for (const message of [
      "manifest for x:1 not found: manifest unknown",
      "rpc error: code = NotFound desc = x: not found",
    ])
      expect(waiting("ErrImagePull", message)).toMatchObject({ state: "ended", cause: "image-not-found" });
    for (const message of ["401 Unauthorized", "pull access denied for x", "denied: requested access is forbidden"])
      expect(waiting("ImagePullBackOff", message)).toMatchObject({ state: "ended", cause: "image-denied" });
  });
  test("is waited for while its registry is away, but not for ever", () => {
    const away = "dial tcp: connection refused";
    expect(waiting("ErrImagePull", away)).toEqual({ state: "starting" });
    expect(waiting("ImagePullBackOff", away, 61_000)).toMatchObject({ state: "ended", cause: "start-failed" });
    expect(waiting("ContainerCreating")).toEqual({ state: "starting" });
  });
});

test("a pod without a place waits half a minute for one, then says why", () => {
  const placed = (sinceMs: number) =>
    state({
      phase: "Pending",
      conditions: [
        {
          type: "PodScheduled",
          status: "False",
          reason: "Unschedulable",
          message: "0/1 nodes are available: 1 Insufficient cpu.",
          lastTransitionTime: ago(sinceMs),
        },
      ],
    });
  expect(placed(29_000)).toEqual({ state: "starting" });
  expect(placed(30_000)).toMatchObject({ cause: "unschedulable", detail: expect.stringContaining("Insufficient cpu") });
});

describe("an end", () => {
  test.each([
    [{ exitCode: 0, reason: "Completed" }, "exited"],
    [{ exitCode: 3, reason: "Error" }, "exited"],
    [{ exitCode: 137, reason: "OOMKilled" }, "out-of-memory"],
    [{ exitCode: 137, reason: "Error" }, "killed"],
    [{ exitCode: UNFIT_IMAGE, reason: "Error", message: "The image has no sshd" }, "unfit-image"],
    [{ exitCode: 128, reason: "StartError" }, "start-failed"],
  ])("of %o is %s", (facts, cause) => {
    const finishedAt = ago(4_000);
    const seen = terminated({ ...facts, finishedAt });
    expect(seen).toMatchObject({ state: "ended", cause, exitCode: facts.exitCode, endedAt: new Date(finishedAt) });
  });
  test("of the whole pod has the pod's own reason", () => {
    expect(state({ phase: "Failed", reason: "Evicted", message: "low on ephemeral-storage" })).toMatchObject({
      ...{ cause: "evicted", exitCode: null, detail: "low on ephemeral-storage", endedAt: NOW },
    });
    for (const message of [
      "Pod ephemeral local storage usage exceeds the total limit of containers 50Gi. ",
      'Container main exceeded its local ephemeral storage limit "50Gi". ',
      'Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". ',
    ])
      expect(state({ phase: "Failed", reason: "Evicted", message }), message).toMatchObject({ cause: "out-of-disk" });
    expect(state({ phase: "Failed", reason: "DeadlineExceeded" })).toMatchObject({ cause: "deadline" });
    expect(state({ phase: "Failed", reason: "NodeShutdown" })).toMatchObject({ cause: "node-lost" });
  });
  test("of a pod that somebody deleted is theirs, whatever the program said on its way out", () => {
    const containerStatuses = [{ ready: false, state: { terminated: { exitCode: 0, reason: "Completed" } } }];
    expect(state({ phase: "Running", containerStatuses }, { deleted: true })).toMatchObject({ cause: "killed" });
  });
  test("is told in a sentence, not in a log", () => {
    const seen = terminated({ exitCode: 1, reason: "Error", message: "x".repeat(10_000) });
    expect(seen).toMatchObject({ detail: "x".repeat(500) });
  });
});
