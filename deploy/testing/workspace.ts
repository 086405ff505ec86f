// A rental that the adapters are asked for directly, where no row stands behind it.
import { randomBytes } from "node:crypto";
import type { ExecutionSpec, Placement } from "../../domain/execution/spec.ts";
import { formatId } from "../../domain/ids.ts";
import { newHostKey } from "../../server/adapters/system/host-key.ts";
import type { TestCluster } from "../../server/testing/kubernetes.ts";

export async function onTheNode({ core }: TestCluster, tenant: string): Promise<Placement> {
  const node = (await core.listNode()).items.find(({ spec }) => !spec?.unschedulable)?.metadata?.name ?? "";
  return { tenant, nodeName: node, host: "127.0.0.1" };
}

export function workspace(gpuUuids: string[] = []): ExecutionSpec {
  return {
    ...{ id: formatId("exec", Date.now(), randomBytes(10)), jobId: formatId("job", Date.now(), randomBytes(10)) },
    ...{ providerId: formatId("prov", 1, randomBytes(10)), kind: "rental", image: "localhost/debian:12" },
    ...{ cpuCores: 0.1, memoryMb: 64, diskGb: 1, gpuUuids, env: {}, sshPublicKeys: ["ssh-ed25519 AAAA"] },
    ...{ command: null, registryLogin: null, sshHostKey: newHostKey().privateKey },
    deadline: new Date(Date.now() + 3_600_000).toISOString(),
  };
}
