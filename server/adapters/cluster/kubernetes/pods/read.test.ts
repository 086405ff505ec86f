import { describe, expect, test } from "vitest";
import { UNFIT_IMAGE } from "../../../../../domain/execution/entry-script.ts";
import { lacksImage, PodObject, podState } from "./read.ts";

const NOW = new Date("2026-06-01T12:00:00.000Z");
const ADDRESS = { host: "node.example", port: 30_022 };
const ago = (ms: number) => new Date(NOW.getTime() - ms).toISOString();
const STARTING = { state: "starting", wait: null };

function pod(status: object, { deleted = false } = {}) {
  return PodObject.parse({
    metadata: { name: "exec-1", namespace: "berth-0x", ...(deleted ? { deletionTimestamp: ago(500) } : {}) },
    status,
  });
}
const state = (status: object, given = {}) => podState(pod(status, given), ADDRESS, NOW);
const waiting = (reason: string, message = "") =>
  state({ phase: "Pending", containerStatuses: [{ ready: false, state: { waiting: { reason, message } } }] });
const terminated = (facts: object, status: object = { phase: "Failed" }) =>
  state({ ...status, containerStatuses: [{ ready: false, state: { terminated: facts } }] });

describe("a pod that runs", () => {
  const running = { phase: "Running", containerStatuses: [{ ready: true, state: { running: {} } }] };
  test("is ready at its node port, and starting while it has none", () => {
    expect(state(running)).toEqual({ state: "ready", endpoint: { ...ADDRESS, user: "root" } });
    expect(podState(pod(running), null, NOW)).toEqual(STARTING);
  });
  test("is ready as soon as its sshd answered: a kubelet may say so of the whole pod much later", () => {
    const started = { ready: false, started: true, state: { running: {} } };
    expect(state({ phase: "Running", containerStatuses: [started] })).toMatchObject({ state: "ready" });
    expect(state({ phase: "Running", containerStatuses: [{ ...started, started: false }] })).toMatchObject({
      state: "starting",
      wait: { cause: "ssh-silent" },
    });
  });
  test("is waited for a minute and a half while its sshd does not answer", () => {
    expect(state({ phase: "Running", containerStatuses: [{ ready: false, state: {} }] })).toEqual({
      state: "starting",
      wait: { on: "ssh", cause: "ssh-silent", detail: "sshd does not answer inside it.", atMostMs: 90_000 },
    });
  });
  test("is still there while it is on its way out: its end is when it is gone", () => {
    expect(state(running, { deleted: true })).toEqual(STARTING);
  });
});

describe("an image that does not come", () => {
  test("leaves nothing that could run, as long as each of its containers waits for it", () => {
    const one = (reason: string) => ({ ready: false, state: { waiting: { reason } } });
    const lacks = (...containerStatuses: object[]) => lacksImage(pod({ phase: "Pending", containerStatuses }));
    for (const reason of ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"])
      expect(lacks(one(reason), one("ImagePullBackOff"))).toBe(true);
    for (const other of [
      one("ContainerCreating"),
      { ready: true, state: { running: {} } },
      { ready: false, state: {} },
    ]) {
      expect(lacks(one("ErrImagePull"), other)).toBe(false);
      expect(lacks(other, one("ErrImagePull"))).toBe(false);
    }
    expect(lacks()).toBe(false);
  });
  test("is not waited for where it can never come", () => {
    const never = (cause: string) => ({ state: "starting", wait: { on: "image", cause, atMostMs: 0 } });
    expect(waiting("InvalidImageName")).toMatchObject(never("image-not-found"));
    expect(waiting("ErrImageNeverPull")).toMatchObject(never("image-not-found"));
    for (const message of [
      "manifest for x:1 not found: manifest unknown",
      "rpc error: code = NotFound desc = x: not found",
    ])
      expect(waiting("ErrImagePull", message)).toMatchObject(never("image-not-found"));
    for (const message of ["401 Unauthorized", "pull access denied for x", "denied: requested access is forbidden"])
      expect(waiting("ImagePullBackOff", message)).toMatchObject(never("image-denied"));
  });
  test("is waited for while its registry is away, but not for ever", () => {
    const away = "dial tcp: connection refused";
    for (const reason of ["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"])
      expect(waiting(reason, away)).toEqual({
        state: "starting",
        wait: { on: "image", cause: "start-failed", detail: `${reason}: ${away}`, atMostMs: 60_000 },
      });
    expect(waiting("ContainerCreating")).toEqual(STARTING);
  });
  test("differs from a container that a busy node fails to make: that is tried again for a while", () => {
    for (const reason of ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"])
      expect(waiting(reason, "context deadline exceeded")).toMatchObject({
        state: "starting",
        wait: { on: "container", cause: "start-failed", atMostMs: 20_000 },
      });
  });
});

test("a pod without a place waits half a minute for one", () => {
  const message = "0/1 nodes are available: 1 Insufficient cpu.";
  const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }];
  expect(state({ phase: "Pending", conditions })).toEqual({
    state: "starting",
    wait: { on: "place", cause: "unschedulable", detail: message, atMostMs: 30_000 },
  });
});

test("what is seen does not depend on the clock of the cluster", () => {
  const containerStatuses = [{ ready: false, state: { waiting: { reason: "ErrImagePull", message: "i/o timeout" } } }];
  const unplaced = { type: "PodScheduled", status: "False", reason: "Unschedulable" };
  for (const hours of [-1, 0, 1]) {
    const at = ago(hours * 3_600_000);
    for (const status of [
      { phase: "Pending", conditions: [{ ...unplaced, lastTransitionTime: at }] },
      { phase: "Pending", containerStatuses },
      { phase: "Running", startTime: at, containerStatuses: [{ ready: false, state: { running: { startedAt: at } } }] },
    ]) {
      const seen = podState(
        PodObject.parse({ metadata: { name: "exec-1", namespace: "berth-0x", creationTimestamp: at }, status }),
        ADDRESS,
        NOW,
      );
      expect(seen.state).toBe("starting");
    }
  }
});

describe("an end", () => {
  test.each([
    [{ exitCode: 0, reason: "Completed" }, "exited"],
    [{ exitCode: 3, reason: "Error" }, "exited"],
    [{ exitCode: 137, reason: "OOMKilled" }, "out-of-memory"],
    [{ exitCode: 137, reason: "Error" }, "killed"],
    [{ exitCode: 127, reason: "Error" }, "exited"],
    [{ exitCode: 255, reason: "Error" }, "exited"],
    [{ exitCode: 255, reason: "Unknown" }, "killed"],
    [{ exitCode: 137, reason: "ContainerStatusUnknown" }, "killed"],
    [{ exitCode: 0, reason: "OOMKilled" }, "exited"],
    [{ exitCode: 255, reason: "OOMKilled" }, "exited"],
    [
      { exitCode: 128, reason: "StartError", message: 'exec: "/bin/sh": stat /bin/sh: no such file or directory' },
      "unfit-image",
    ],
    [{ exitCode: 128, reason: "StartError", message: "exec /bin/sh: exec format error" }, "unfit-image"],
    [{ exitCode: 128, reason: "ContainerCannotRun", message: "error mounting /dev/nvidia0" }, "start-failed"],
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
  test.each([
    ["Preempting", "evicted"],
    ["Shutdown", "node-lost"],
    ["Terminated", "node-lost"],
    ["OutOfcpu", "unschedulable"],
    ["OutOfnvidia.com/gpu", "unschedulable"],
    ["UnexpectedAdmissionError", "start-failed"],
    ["NodeAffinity", "start-failed"],
  ])("by a kubelet that says %s is %s", (reason, cause) => {
    expect(state({ phase: "Failed", reason, message: "Pod was refused" })).toMatchObject({ state: "ended", cause });
  });
  test.each([
    ["DeletionByPodGC", "node-lost"],
    ["DeletionByTaintManager", "node-lost"],
    ["EvictionByEvictionAPI", "evicted"],
  ])("that a controller calls %s is %s", (reason, cause) => {
    const conditions = [{ type: "DisruptionTarget", status: "True", reason, message: "why" }];
    expect(state({ phase: "Failed", conditions })).toMatchObject({ cause, detail: "why" });
  });
  test("that nobody gave a reason for is not its customer's", () => {
    expect(state({ phase: "Failed" })).toMatchObject({ cause: "killed", exitCode: null });
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
