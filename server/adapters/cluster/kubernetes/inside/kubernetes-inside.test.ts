import { randomBytes } from "node:crypto";
import { describe } from "vitest";
import { formatId } from "../../../../../domain/ids.ts";
import { type Contracted, clusterContract } from "../../../../testing/cluster-contract.ts";
import { TEST_KUBECONFIG, testCluster } from "../../../../testing/kubernetes.ts";
import { ran } from "../../../../testing/reaching.ts";
import { newHostKey } from "../../../system/host-key.ts";
import { kubernetesCluster } from "../pods/kubernetes-cluster.ts";
import { namespaceOf } from "../pods/names.ts";
import { kubernetesInside } from "./kubernetes-inside.ts";

/** Of this run alone: a sweep takes away whatever carries its prefix and no row of its own knows. */
const PREFIX = `${randomBytes(4).toString("hex")}.berth.test`;
const TENANT = `0x${randomBytes(20).toString("hex")}`;
const log = { info: () => {}, warn: () => {}, error: () => {} };

async function open(): Promise<Contracted> {
  const kube = testCluster();
  const node = (await kube.core.listNode()).items.find(({ spec }) => !spec?.unschedulable)?.metadata?.name ?? "";
  const hostKey = newHostKey();
  const inside = kubernetesInside({ kubeconfig: TEST_KUBECONFIG, log });
  return {
    inside,
    cluster: kubernetesCluster({
      ...{ kubeconfig: TEST_KUBECONFIG, labelPrefix: PREFIX, tenantMaxGpus: 2, ownCidrs: [], runtimeClass: null },
      ...{ clock: { now: () => new Date() }, log },
    }),
    halfClose: false,
    execution: (over) => ({
      where: { tenant: TENANT, nodeName: node, host: "127.0.0.1" },
      spec: {
        ...{ id: formatId("exec", Date.now(), randomBytes(10)), jobId: formatId("job", Date.now(), randomBytes(10)) },
        ...{ providerId: formatId("prov", 1, randomBytes(10)), kind: "rental", image: "localhost/debian:12" },
        ...{ cpuCores: 0.5, memoryMb: 256, diskGb: 1, gpuUuids: [], command: null, registryLogin: null },
        ...{ env: {}, sshPublicKeys: [], sshHostKey: hostKey.privateKey },
        deadline: new Date(Date.now() + 3_600_000).toISOString(),
        ...over,
      },
    }),
    whereabouts: ({ id }, { tenant }, endpoint) => ({
      ...{ id, tenant, endpoint },
      ...{ hostKey: hostKey.publicKey, doorKey: null },
    }),
    async say(at, line) {
      await ran(inside, at, ["sh", "-c", 'printf "%s\\n" "$1" >/proc/1/fd/1', "say", line]);
    },
    async close() {
      await kube.core.deleteNamespace({ name: namespaceOf(TENANT) }).catch(() => {});
      await kube.close();
    },
  };
}

describe.skipIf(TEST_KUBECONFIG === "")("inside of pods", () => {
  clusterContract("Kubernetes", open);
});
