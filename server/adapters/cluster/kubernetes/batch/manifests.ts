// Everything the cluster is asked to hold for one execution of a batch job, as pure functions of its spec: a pod of two
// containers, and what it must not say openly. No service: nobody talks to it.
import type { V1Container, V1Pod, V1Secret } from "@kubernetes/client-node";
import type { BatchSpec } from "../../../../../domain/execution/spec.ts";
import { MAX_RESULT_BYTES, MAX_STDERR_BYTES } from "../../../../../domain/job/batch.ts";
import { TAINT } from "../../../../../domain/node/marks.ts";
import type { BatchPlacement } from "../../../../deps.ts";
import { type ClusterRules, isPassedOn, loginParts } from "../pods/manifests.ts";
import { keysOf, MANAGED_BY, MANAGER, NO_NETWORK, namespaceOf, podName } from "../pods/names.ts";
import { MOST_FILES } from "./frames.ts";
import { collectScript, INPUT_DIR, INPUT_FILE, OUT_DIR, RUN_SCRIPT, WORK_DIR } from "./scripts.ts";

export const PROGRAM = "program";
export const COLLECTOR = "collector";
const GPU = "nvidia.com/gpu";
/** For the image, the start and the collecting; a worker that is away for longer finds it ended. */
const ALLOWANCE_SECONDS = 600;
/** What is left of a program at its end is nobody's; one that is not wanted any more is killed. */
export const STOP_SECONDS = 1;
/** As in every runtime: what a program prints of its machine should not differ between those that are compared. */
const HOSTNAME = "berth";

export function batchSecretName(name: string): string {
  return `${name}-run`;
}

function labelsOf(spec: BatchSpec, tenant: string, prefix: string): Record<string, string> {
  const keys = keysOf(prefix);
  return {
    [MANAGED_BY]: MANAGER,
    [keys.batch]: podName(spec.id),
    [keys.job]: spec.jobId.replace("_", "-"),
    [keys.tenant]: tenant,
    ...(spec.network ? {} : { [keys.network]: NO_NETWORK }),
  };
}

/** Kubernetes reads `$(NAME)` in commands and values, and takes `$$` for one dollar. */
const asItIs = (text: string) => text.replaceAll("$", "$$$$");

const wishedEnv = (spec: BatchSpec) => Object.entries(spec.env).filter(([name]) => isPassedOn(name));
const envKey = (name: string) => `env.${name}`;

/**
 * The input, the environment's values and what the image is pulled with, where not everybody may. Its input alone is mounted,
 * so that the pod waits for all of it: a kubelet pulls without a login that it has not heard of, and hears of secrets one by
 * one.
 */
export function batchSecret(spec: BatchSpec, tenant: string, prefix: string): V1Secret {
  const login = spec.registryLogin && loginParts(spec.registryLogin);
  return {
    metadata: {
      name: batchSecretName(podName(spec.id)),
      namespace: namespaceOf(tenant),
      labels: labelsOf(spec, tenant, prefix),
    },
    immutable: true,
    ...(login && { type: login.type }),
    stringData: {
      ...login?.stringData,
      [INPUT_FILE]: spec.inputData,
      ...Object.fromEntries(wishedEnv(spec).map(([name, value]) => [envKey(name), value])),
    },
  };
}

/** Bound to one node by its name, which no kubelet can change. */
export function batchPod(
  spec: BatchSpec,
  { tenant, nodeName }: BatchPlacement,
  { labelPrefix, runtimeClass }: ClusterRules,
): V1Pod {
  const name = podName(spec.id);
  const disk = `${spec.diskGb}Gi`;
  return {
    metadata: { name, namespace: namespaceOf(tenant), labels: labelsOf(spec, tenant, labelPrefix) },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      hostname: HOSTNAME,
      activeDeadlineSeconds: spec.timeoutSeconds + ALLOWANCE_SECONDS,
      terminationGracePeriodSeconds: STOP_SECONDS,
      ...(runtimeClass === null ? {} : { runtimeClassName: runtimeClass }),
      ...(spec.network ? {} : { dnsPolicy: "None", dnsConfig: { nameservers: ["127.0.0.1"] } }),
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: [nodeName] }] }],
          },
        },
      },
      tolerations: [
        { key: `${labelPrefix}/${TAINT}`, operator: "Exists", effect: "NoSchedule" },
        // How long silence is borne is the broker's to say.
        { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
        { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
      ],
      securityContext: { seccompProfile: { type: "RuntimeDefault" } },
      containers: [program(spec), collector(spec)],
      ...(spec.registryLogin ? { imagePullSecrets: [{ name: batchSecretName(name) }] } : {}),
      volumes: [
        { name: "work", emptyDir: { sizeLimit: disk } },
        { name: "out", emptyDir: { sizeLimit: disk } },
        {
          name: "in",
          secret: {
            secretName: batchSecretName(name),
            items: [{ key: INPUT_FILE, path: INPUT_FILE }],
            defaultMode: 0o444,
          },
        },
      ],
    },
  };
}

const CONFINED = {
  privileged: false,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
};

function program(spec: BatchSpec): V1Container {
  const amounts = {
    cpu: String(spec.cpuCores),
    memory: `${spec.memoryMb}Mi`,
    "ephemeral-storage": `${spec.diskGb}Gi`,
    ...(spec.gpuUuids.length > 0 ? { [GPU]: String(spec.gpuUuids.length) } : {}),
  };
  const secretName = batchSecretName(podName(spec.id));
  return {
    name: PROGRAM,
    image: spec.image,
    imagePullPolicy: "IfNotPresent",
    command: ["/bin/sh", "-c", asItIs(RUN_SCRIPT), "berth"],
    args: [String(spec.timeoutSeconds), ...spec.command].map(asItIs),
    env: [
      ...wishedEnv(spec).map(([name]) => ({
        name,
        valueFrom: { secretKeyRef: { name: secretName, key: envKey(name) } },
      })),
      { name: "BERTH_JOB_ID", value: spec.jobId },
      { name: "BERTH_PROVIDER_ID", value: spec.providerId },
      { name: "BERTH_GPU_COUNT", value: String(spec.gpuUuids.length) },
      { name: "BERTH_DEADLINE", value: spec.deadline },
    ],
    resources: { requests: amounts, limits: amounts },
    securityContext: CONFINED,
    volumeMounts: [
      { name: "work", mountPath: WORK_DIR },
      { name: "out", mountPath: OUT_DIR },
      { name: "in", mountPath: INPUT_DIR, readOnly: true },
    ],
  };
}

/** Of the job's own image, so that no other one has to be pulled; it takes nothing off what the machine has to offer. */
function collector(spec: BatchSpec): V1Container {
  const nothing = { cpu: "0", memory: "0", "ephemeral-storage": "0" };
  return {
    name: COLLECTOR,
    image: spec.image,
    imagePullPolicy: "IfNotPresent",
    command: ["/bin/sh", "-c", asItIs(collectScript(MAX_RESULT_BYTES, MAX_STDERR_BYTES, MOST_FILES)), "berth"],
    args: spec.files.map(plainPath).map(asItIs),
    resources: { requests: nothing, limits: { cpu: "500m", memory: "64Mi", "ephemeral-storage": "64Mi" } },
    securityContext: CONFINED,
    volumeMounts: [
      { name: "work", mountPath: WORK_DIR, readOnly: true },
      { name: "out", mountPath: OUT_DIR, readOnly: true },
    ],
  };
}

/** Without empty parts, `.` and `..`; `.` for the working directory itself. */
function plainPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== "." && part !== "..");
  return parts.join("/") || ".";
}
