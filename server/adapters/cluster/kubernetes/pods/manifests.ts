// Everything the cluster is asked to hold for one execution, as pure functions of its spec.
import type {
  V1Namespace,
  V1Pod,
  V1ResourceQuota,
  V1RoleBinding,
  V1Secret,
  V1Service,
  V1Volume,
} from "@kubernetes/client-node";
import {
  ARGUMENT_FILE,
  ENTRY_SCRIPT,
  ENV_DIR,
  SSH_DIR,
  SSH_PORT,
} from "../../../../../domain/execution/entry-script.ts";
import type { ExecutionSpec, RegistryLogin } from "../../../../../domain/execution/spec.ts";
import { DEFAULT_REGISTRY } from "../../../../../domain/job/image.ts";
import { TAINT } from "../../../../../domain/node/marks.ts";
import { CONTAINER, keysOf, MANAGED_BY, MANAGER, namespaceOf, podName } from "./names.ts";

export interface PodSpec extends ExecutionSpec {
  readonly tenant: string;
  readonly nodeName: string;
  readonly host: string;
}

export interface ClusterRules {
  readonly labelPrefix: string;
  /** most GPUs that one tenant may hold in the cluster */
  readonly tenantMaxGpus: number;
  /** pod, service and node addresses that no workspace may reach, besides everything private */
  readonly ownCidrs: readonly string[];
  /** null: the cluster's default */
  readonly runtimeClass: string | null;
  /** the service account, `namespace/name`, that may reach into rentals; nobody where there is none */
  readonly insideAccount?: string | null;
}

/** What sshd needs of root's rights, and nothing else. */
const CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETUID", "SETGID", "SYS_CHROOT", "AUDIT_WRITE"];
const GPU = "nvidia.com/gpu";
/** A rental lasts at most 720 hours with all its extensions; this ends a pod that everybody forgot. */
const LONGEST_SECONDS = 720 * 3600;
const STOP_SECONDS = 5;

function labelsOf(spec: PodSpec, prefix: string): Record<string, string> {
  const keys = keysOf(prefix);
  return {
    [MANAGED_BY]: MANAGER,
    [keys.execution]: podName(spec.id),
    [keys.job]: spec.jobId.replace("_", "-"),
    [keys.tenant]: spec.tenant,
  };
}

/** Pod Security by labels: enforced from Kubernetes 1.23 on, of no effect before. */
export function namespace(tenant: string, { labelPrefix }: ClusterRules): V1Namespace {
  const level = "baseline";
  return {
    metadata: {
      name: namespaceOf(tenant),
      labels: {
        [MANAGED_BY]: MANAGER,
        [keysOf(labelPrefix).tenant]: tenant,
        "pod-security.kubernetes.io/enforce": level,
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
      },
    },
  };
}

/** A second lock behind `place`, which refuses with a reason before it comes to this. */
export function quota(tenant: string, { tenantMaxGpus }: ClusterRules): V1ResourceQuota {
  return {
    metadata: { name: MANAGER, namespace: namespaceOf(tenant), labels: { [MANAGED_BY]: MANAGER } },
    spec: { hard: { [`requests.${GPU}`]: String(tenantMaxGpus), "services.loadbalancers": "0" } },
  };
}

/** The ClusterRole of deploy/kustomize, and its bindings in tenants' namespaces. */
export const INSIDE_ROLE = "berth-inside";

/** Lets one account, the web's, reach into the rentals of one tenant: it is bound here and never cluster-wide. */
export function insideBinding(tenant: string, { insideAccount }: ClusterRules): V1RoleBinding | null {
  const [namespace, name] = insideAccount?.split("/") ?? [];
  if (!namespace || !name) return null;
  return {
    metadata: { name: INSIDE_ROLE, namespace: namespaceOf(tenant), labels: { [MANAGED_BY]: MANAGER } },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: INSIDE_ROLE },
    subjects: [{ kind: "ServiceAccount", name, namespace }],
  };
}

/**
 * Its node port is what customers log in to; it is made first, so that the pod can be told.
 * @param nodePort null: the cluster's to choose
 */
export function service(spec: PodSpec, { labelPrefix }: ClusterRules, nodePort: number | null = null): V1Service {
  return {
    metadata: {
      name: podName(spec.id),
      namespace: namespaceOf(spec.tenant),
      labels: labelsOf(spec, labelPrefix),
      annotations: { [keysOf(labelPrefix).host]: spec.host, [keysOf(labelPrefix).node]: spec.nodeName },
    },
    spec: {
      type: "NodePort",
      externalTrafficPolicy: "Local",
      publishNotReadyAddresses: true, // ready is said late: see podState
      selector: { [keysOf(labelPrefix).execution]: podName(spec.id) },
      ports: [
        { name: "ssh", protocol: "TCP", port: 22, targetPort: SSH_PORT, ...(nodePort === null ? {} : { nodePort }) },
      ],
    },
  };
}

export function sshSecret(spec: PodSpec, { labelPrefix }: ClusterRules): V1Secret {
  return {
    metadata: {
      name: `${podName(spec.id)}-ssh`,
      namespace: namespaceOf(spec.tenant),
      labels: labelsOf(spec, labelPrefix),
    },
    immutable: true,
    stringData: {
      authorized_keys: `${spec.sshPublicKeys.join("\n")}\n`,
      host_key: spec.sshHostKey,
      ...argumentFiles(spec.command ?? []),
    },
  };
}

/** Docker Hub is known to kubelets by the address of its first API. */
const HUB = "https://index.docker.io/v1/";

/**
 * A key beside the login that says nothing of it, for the pod to mount. A kubelet pulls without a login that it has not
 * heard of yet, and is refused; for what is mounted it waits, and it hears of a secret as a whole.
 * https://github.com/kubernetes/kubernetes/blob/v1.33.0/pkg/kubelet/kubelet_pods.go (getPullSecretsForPod)
 */
const LOGIN_HERE = "registry";

/** What the image is pulled with; null where everybody may. */
export function pullSecret(spec: PodSpec, { labelPrefix }: ClusterRules): V1Secret | null {
  if (!spec.registryLogin) return null;
  const { type, stringData } = loginParts(spec.registryLogin);
  return {
    metadata: {
      name: `${podName(spec.id)}-pull`,
      namespace: namespaceOf(spec.tenant),
      labels: labelsOf(spec, labelPrefix),
    },
    immutable: true,
    type,
    stringData: { ...stringData, [LOGIN_HERE]: spec.registryLogin.registry },
  };
}

/** What makes a secret one that kubelets pull with. */
export function loginParts({ registry, username, password }: RegistryLogin) {
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  const auths = { [registry === DEFAULT_REGISTRY ? HUB : registry]: { username, password, auth } };
  return {
    type: "kubernetes.io/dockerconfigjson",
    stringData: { ".dockerconfigjson": JSON.stringify({ auths }) },
  } satisfies Partial<V1Secret>;
}

function sshVolume(spec: PodSpec, name: string): V1Volume {
  if (!spec.registryLogin) return { name: "ssh", secret: { secretName: `${name}-ssh`, defaultMode: 0o400 } };
  const items = [{ key: LOGIN_HERE, path: LOGIN_HERE }];
  const sources = [{ secret: { name: `${name}-ssh` } }, { secret: { name: `${name}-pull`, items } }];
  return { name: "ssh", projected: { sources, defaultMode: 0o400 } };
}

/** A file an argument, so that nothing between here and the program reads it as anything else. */
function argumentFiles(command: readonly string[]): Record<string, string> {
  const name = (index: number) => `${ARGUMENT_FILE}${String(index).padStart(4, "0")}`;
  return Object.fromEntries(command.map((argument, index) => [name(index), argument]));
}

/** @param nodePort where SSH answers */
export function envSecret(spec: PodSpec, { labelPrefix }: ClusterRules, nodePort: number): V1Secret {
  return {
    metadata: {
      name: `${podName(spec.id)}-env`,
      namespace: namespaceOf(spec.tenant),
      labels: labelsOf(spec, labelPrefix),
    },
    immutable: true,
    stringData: environmentOf(spec, nodePort),
  };
}

/** BERTH_* are facts, LD_* change how every program loads, and the device plugin says which GPUs there are. */
const KEPT = /^(BERTH_|LD_|CUDA_VISIBLE_DEVICES$|NVIDIA_VISIBLE_DEVICES$)/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Whether a customer's variable comes into a container. */
export const isPassedOn = (name: string) => NAME.test(name) && !KEPT.test(name);

function environmentOf(spec: PodSpec, nodePort: number): Record<string, string> {
  const wished = Object.entries(spec.env).filter(([name]) => isPassedOn(name));
  return {
    ...Object.fromEntries(wished),
    BERTH_JOB_ID: spec.jobId,
    BERTH_PROVIDER_ID: spec.providerId,
    BERTH_GPU_COUNT: String(spec.gpuUuids.length),
    BERTH_PUBLIC_IP: spec.host,
    BERTH_SSH_PORT: String(nodePort),
    BERTH_DEADLINE: spec.deadline,
  };
}

/** Bound to one node by its name, which no kubelet can change: labels inform, they never authorise. */
export function pod(spec: PodSpec, { labelPrefix, runtimeClass }: ClusterRules): V1Pod {
  const name = podName(spec.id);
  const amounts = {
    cpu: String(spec.cpuCores),
    memory: `${spec.memoryMb}Mi`,
    "ephemeral-storage": `${spec.diskGb}Gi`,
    ...(spec.gpuUuids.length > 0 ? { [GPU]: String(spec.gpuUuids.length) } : {}),
  };
  return {
    metadata: {
      name,
      namespace: namespaceOf(spec.tenant),
      labels: labelsOf(spec, labelPrefix),
    },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      hostname: CONTAINER,
      activeDeadlineSeconds: LONGEST_SECONDS,
      terminationGracePeriodSeconds: STOP_SECONDS,
      ...(runtimeClass === null ? {} : { runtimeClassName: runtimeClass }),
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: [spec.nodeName] }] }],
          },
        },
      },
      tolerations: [
        { key: `${labelPrefix}/${TAINT}`, operator: "Exists", effect: "NoSchedule" },
        // How long silence is borne is the broker's to say: the cluster would take the pod away after five minutes.
        { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
        { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
      ],
      securityContext: { seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: CONTAINER,
          image: spec.image,
          imagePullPolicy: "IfNotPresent",
          command: ["/bin/sh", "-c", ENTRY_SCRIPT],
          envFrom: [{ secretRef: { name: `${name}-env` } }],
          ports: [{ name: "ssh", containerPort: SSH_PORT, protocol: "TCP" }],
          resources: { requests: amounts, limits: amounts },
          // Until sshd answers and never again: each look is a line in the customer's log. A silent one is the broker's to
          // end, long before this gives up.
          startupProbe: { tcpSocket: { port: SSH_PORT }, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 3600 },
          securityContext: {
            runAsUser: 0,
            privileged: false,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"], add: [...CAPABILITIES] },
          },
          terminationMessagePolicy: "FallbackToLogsOnError",
          volumeMounts: [
            { name: "ssh", mountPath: SSH_DIR, readOnly: true },
            { name: "env", mountPath: ENV_DIR, readOnly: true },
          ],
        },
      ],
      ...(spec.registryLogin ? { imagePullSecrets: [{ name: `${name}-pull` }] } : {}),
      volumes: [sshVolume(spec, name), { name: "env", secret: { secretName: `${name}-env`, defaultMode: 0o400 } }],
    },
  };
}
