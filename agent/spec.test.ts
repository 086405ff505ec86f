import { expect, test } from "vitest";
import type { BatchSpec, ExecutionSpec } from "../domain/execution/spec.ts";
import { formatId } from "../domain/ids.ts";
import { HeartbeatAnswer } from "../protocol/agent.ts";
import { toWireBatch, toWireSpec } from "../protocol/execution-spec.ts";
import { SpecShape, toSpec } from "./spec.ts";

const id = <P extends "exec" | "job" | "prov">(prefix: P) => formatId(prefix, 1, new Uint8Array(10));

const SPEC: ExecutionSpec = {
  ...{ id: id("exec"), jobId: id("job"), providerId: id("prov"), kind: "rental", image: "ghcr.io/me/mine:1" },
  ...{ cpuCores: 1, memoryMb: 512, diskGb: 1, gpuUuids: [], env: { A: "b" } },
  command: ["jupyter", "lab", "--ip=127.0.0.1"],
  registryLogin: { registry: "ghcr.io", username: "me", password: "secret" },
  ...{ sshPublicKeys: ["ssh-ed25519 AAAA"], sshHostKey: "none", deadline: "2099-01-01T00:00:00.000Z" },
};

const BATCH: BatchSpec = {
  ...{ id: id("exec"), jobId: id("job"), providerId: id("prov"), kind: "batch", image: "ghcr.io/me/mine:1" },
  ...{ command: ["sha256sum"], inputData: "hello", files: ["out"], network: false, timeoutSeconds: 60 },
  ...{ cpuCores: 1, memoryMb: 512, diskGb: 1, gpuUuids: [], env: { A: "b" }, deadline: "2099-01-01T00:00:00.000Z" },
  registryLogin: { registry: "ghcr.io", username: "me", password: "secret" },
};

/** As the broker says it and the agent takes it. */
const overTheWire = (spec: ExecutionSpec | BatchSpec) => {
  const wire = spec.kind === "rental" ? toWireSpec(spec, null) : toWireBatch(spec);
  return toSpec(HeartbeatAnswer.shape.executions.element.parse(JSON.parse(JSON.stringify(wire))));
};

test("a rental comes over the wire whole, with the command of its template and who pulls its image", () => {
  expect(overTheWire(SPEC)).toEqual(SPEC);
  const plain = { ...SPEC, command: null, registryLogin: null };
  expect(overTheWire(plain)).toEqual(plain);
});

test("what was sealed or written down before there were commands and logins is a rental without them", () => {
  const { command: _, registryLogin: __, ...old } = SPEC;
  const sealed: ExecutionSpec = JSON.parse(JSON.stringify(old));
  expect(overTheWire(sealed)).toEqual({ ...old, command: null, registryLogin: null });
  expect(SpecShape.parse(old)).toEqual({ ...old, command: null, registryLogin: null });
});

test("a batch execution comes over the wire whole, with who pulls its image; what was written down before has nobody", () => {
  expect(overTheWire(BATCH)).toEqual(BATCH);
  const { registryLogin: _, ...old } = BATCH;
  expect(SpecShape.parse(old)).toEqual({ ...old, registryLogin: null });
});
