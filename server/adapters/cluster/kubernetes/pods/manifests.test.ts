import { describe, expect, test } from "vitest";
import { formatId } from "../../../../../domain/ids.ts";
import {
  type ClusterRules,
  envSecret,
  insideBinding,
  namespace,
  type PodSpec,
  pod,
  pullSecret,
  quota,
  service,
  sshSecret,
} from "./manifests.ts";
import { executionOf, podName } from "./names.ts";
import { networkPolicy } from "./policies.ts";

const ZEROES = new Uint8Array(10);
const RULES: ClusterRules = {
  labelPrefix: "berth.dev",
  tenantMaxGpus: 8,
  ownCidrs: ["203.0.113.0/24", "2001:db8::/32"],
  runtimeClass: null,
};
const SPEC: PodSpec = {
  id: formatId("exec", 0, ZEROES),
  jobId: formatId("job", 0, ZEROES),
  providerId: formatId("prov", 0, ZEROES),
  kind: "rental",
  image: "ubuntu:24.04",
  cpuCores: 4,
  memoryMb: 16_384,
  diskGb: 50,
  gpuUuids: ["GPU-a", "GPU-b"],
  env: {
    HELLO: "world",
    "not a name": "x",
    BERTH_JOB_ID: "forged",
    LD_PRELOAD: "/evil.so",
    CUDA_VISIBLE_DEVICES: "all",
  },
  sshPublicKeys: ["ssh-ed25519 AAAA me"],
  command: null,
  registryLogin: null,
  sshHostKey: "PRIVATE",
  deadline: "2026-06-01T13:00:00.000Z",
  tenant: `0x${"ab".repeat(20)}`,
  nodeName: "machine-1",
  host: "node.example",
};
const COMMAND = ["sh", "-c", "echo '$HOME' \"\nEOF\n", ""];

describe("the manifests", () => {
  test.each([
    ["namespace", namespace(SPEC.tenant, RULES)],
    ["quota", quota(SPEC.tenant, RULES)],
    ["network policy", networkPolicy(SPEC.tenant, RULES)],
    ["binding of the web", insideBinding(SPEC.tenant, { ...RULES, insideAccount: "berth-system/berth-web" })],
    ["service", service(SPEC, RULES)],
    ["SSH secret", sshSecret(SPEC, RULES)],
    ["SSH secret of one with a command", sshSecret({ ...SPEC, command: COMMAND }, RULES)],
    ["environment secret", envSecret(SPEC, RULES, 30_022)],
    ["pod", pod(SPEC, RULES)],
  ])("ask for this %s and nothing else", (_name, manifest) => expect(manifest).toMatchSnapshot());
});

test("a pod is bound to its node by name, asks for all it may use, and has no token", () => {
  const { spec } = pod(SPEC, RULES);
  const [container] = spec?.containers ?? [];
  expect(container?.resources?.requests).toEqual(container?.resources?.limits);
  expect(spec?.automountServiceAccountToken).toBe(false);
  expect(JSON.stringify(spec?.affinity)).toContain('"metadata.name"');
  expect(spec?.nodeSelector).toBeUndefined();
  expect(container?.securityContext).toMatchObject({ privileged: false, allowPrivilegeEscalation: false });
});

test("only secrets hold keys and environment: whoever reads pods reads neither", () => {
  const shown = JSON.stringify([pod(SPEC, RULES), service(SPEC, RULES)]);
  for (const hidden of [SPEC.sshHostKey, "world", "AAAA"]) expect(shown).not.toContain(hidden);
});

test("a pod with a login mounts something else of its secret, for which kubelets wait, and never the login", () => {
  const spec = { ...SPEC, registryLogin: { registry: "ghcr.io", username: "me", password: "right" } };
  const secret = pullSecret(spec, RULES);
  const { imagePullSecrets, volumes } = pod(spec, RULES).spec ?? {};
  expect(imagePullSecrets).toEqual([{ name: secret?.metadata?.name }]);
  const sources = volumes?.find(({ name }) => name === "ssh")?.projected?.sources ?? [];
  expect(sources.map((one) => one.secret)).toEqual([
    { name: sshSecret(spec, RULES).metadata?.name },
    { name: secret?.metadata?.name, items: [{ key: "registry", path: "registry" }] },
  ]);
  expect(secret?.stringData?.registry).toBe("ghcr.io");
  expect(JSON.stringify(pod(spec, RULES))).not.toMatch(/right|dockerconfigjson/);
});

test("a command changes nothing of its pod: its arguments are files of the secret, in their order", () => {
  expect(pod({ ...SPEC, command: COMMAND }, RULES)).toEqual(pod(SPEC, RULES));
  const many = Array.from({ length: 1_200 }, (_, n) => `${n}`);
  const files = Object.entries(sshSecret({ ...SPEC, command: many }, RULES).stringData ?? {});
  const sorted = files.filter(([name]) => name.startsWith("command.")).sort(([a], [b]) => (a < b ? -1 : 1));
  expect(sorted.map(([, argument]) => argument)).toEqual(many);
});

test("what Berth says of an execution cannot be overruled by its customer", () => {
  const { stringData } = envSecret(SPEC, RULES, 30_022);
  expect(stringData).toMatchObject({ HELLO: "world", BERTH_JOB_ID: SPEC.jobId, BERTH_SSH_PORT: "30022" });
  expect(Object.keys(stringData ?? {}).filter((name) => /^LD_|^CUDA|not a name/.test(name))).toEqual([]);
});

test("nobody is let into rentals where no account is named", () => {
  expect(insideBinding(SPEC.tenant, RULES)).toBeNull();
  expect(insideBinding(SPEC.tenant, { ...RULES, insideAccount: null })).toBeNull();
});

test("a pod's name is its execution's, and back", () => {
  expect(executionOf(podName(SPEC.id))).toBe(SPEC.id);
  expect(podName(SPEC.id)).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
  expect(executionOf("somebody-elses")).toBeNull();
});

test("with a runtime class its pods use it", () => {
  expect(pod(SPEC, { ...RULES, runtimeClass: "gvisor" }).spec?.runtimeClassName).toBe("gvisor");
});

test("how long a silent node is borne is the broker's to say: the cluster takes no pod away, and places none there", () => {
  const tolerations = pod(SPEC, RULES).spec?.tolerations ?? [];
  for (const key of ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"])
    expect(tolerations.filter((one) => one.key === key)).toEqual([{ key, operator: "Exists", effect: "NoExecute" }]);
});

test("a service asks for the port that customers were told where there is one", () => {
  expect(service(SPEC, RULES, 30_022).spec?.ports).toMatchObject([{ port: 22, nodePort: 30_022 }]);
  expect(service(SPEC, RULES).spec?.ports?.[0]).not.toHaveProperty("nodePort");
});
