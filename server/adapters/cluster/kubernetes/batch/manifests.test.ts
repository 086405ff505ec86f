import { expect, test } from "vitest";
import type { BatchSpec } from "../../../../../domain/execution/spec.ts";
import { formatId } from "../../../../../domain/ids.ts";
import { batchPod, batchSecret } from "./manifests.ts";

const ZEROES = new Uint8Array(10);
const TENANT = `0x${"ab".repeat(20)}`;
const RULES = { labelPrefix: "berth.dev", tenantMaxGpus: 8, ownCidrs: [], runtimeClass: null };
const SPEC: BatchSpec = {
  id: formatId("exec", 0, ZEROES),
  jobId: formatId("job", 0, ZEROES),
  providerId: formatId("prov", 0, ZEROES),
  kind: "batch",
  image: "ghcr.io/me/private:1",
  ...{ command: ["true"], inputData: "from stdin", files: [], network: false, cpuCores: 1, memoryMb: 64, diskGb: 1 },
  ...{ gpuUuids: [], env: { HELLO: "world" }, timeoutSeconds: 60, deadline: "2026-06-01T13:00:00.000Z" },
  registryLogin: { registry: "ghcr.io", username: "me", password: "right" },
};

test("a pod is pulled for with the secret that it waits for: of two, its kubelet may hear of the login too late", () => {
  const secret = batchSecret(SPEC, TENANT, RULES.labelPrefix);
  const { imagePullSecrets, volumes, containers } =
    batchPod(SPEC, { tenant: TENANT, nodeName: "machine-1" }, RULES).spec ?? {};
  expect(secret.type).toBe("kubernetes.io/dockerconfigjson");
  expect(imagePullSecrets).toEqual([{ name: secret.metadata?.name }]);
  const mounted = volumes?.find((one) => one.secret?.secretName === secret.metadata?.name);
  expect(containers?.[0]?.volumeMounts?.map(({ name }) => name)).toContain(mounted?.name);
  // The input alone: nothing that runs in it reads the login.
  expect(mounted?.secret?.items?.map(({ key }) => secret.stringData?.[key])).toEqual(["from stdin"]);
  const asked = containers?.flatMap(({ env, envFrom }) => [...(env ?? []), ...(envFrom ?? [])]);
  expect(asked?.flatMap((one) => ("valueFrom" in one ? one.valueFrom?.secretKeyRef?.key : []))).toEqual(["env.HELLO"]);
  expect(containers?.flatMap(({ envFrom }) => envFrom ?? [])).toEqual([]);
});

test("without a login its secret is none to pull with", () => {
  const open = { ...SPEC, registryLogin: null };
  const secret = batchSecret(open, TENANT, RULES.labelPrefix);
  expect(secret.type).toBeUndefined();
  expect(Object.keys(secret.stringData ?? {}).toSorted()).toEqual(["env.HELLO", "input"].toSorted());
  expect(batchPod(open, { tenant: TENANT, nodeName: "machine-1" }, RULES).spec).not.toHaveProperty("imagePullSecrets");
});
