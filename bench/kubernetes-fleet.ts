// Nodes without machines: Node objects that stay ready, and pods that run because somebody says so. Whoever dials their
// SSH ports meets a greeting. What it measures is everything but containers.
import { once } from "node:events";
import { createServer } from "node:net";
import { CoordinationV1Api, V1MicroTime, type V1Pod, Watch } from "@kubernetes/client-node";
import { z } from "zod";
import { SSH_PORT } from "../domain/execution/entry-script.ts";
import type { Stand } from "../scripts/faults/testing/stand.ts";
import { MERGE } from "../server/adapters/cluster/kubernetes/api.ts";

const RENEW_EVERY_MS = 8_000;
const LEASES = "kube-node-lease";
const PodEvent = z.object({
  metadata: z.object({ name: z.string(), namespace: z.string(), deletionTimestamp: z.string().nullish() }),
  spec: z.object({ nodeName: z.string().nullish() }),
  status: z.object({ phase: z.string().nullish() }).nullish(),
});

export interface Fleet {
  readonly names: readonly string[];
  close(): Promise<void>;
}

export async function openFleet({ core, config, prefix, ...stand }: Stand, count: number): Promise<Fleet> {
  const real = await stand.node();
  const address = real.status?.addresses?.find(({ type }) => type === "InternalIP")?.address ?? "127.0.0.1";
  const names = Array.from({ length: count }, (_, n) => `stand-${prefix.slice(0, 8)}-${n}`);
  const leases = config.makeApiClient(CoordinationV1Api);
  const door = createServer((socket) => socket.on("error", () => {}).end("SSH-2.0-nobody\r\n"));
  door.listen(SSH_PORT, address);
  await once(door, "listening");

  const condition = () => ({ type: "Ready", status: "True", reason: "Bench", message: "", lastHeartbeatTime: now() });
  const allocatable = { cpu: "4096", memory: "4096Gi", pods: "250", "ephemeral-storage": "8192Gi" };
  const beat = async (name: string) => {
    const conditions = [{ ...condition(), lastTransitionTime: now() }];
    const { nodeInfo } = real.status ?? {};
    await core.patchNodeStatus(
      { name, body: { status: { capacity: allocatable, allocatable, conditions, nodeInfo } } },
      MERGE,
    );
  };
  const renew = async (name: string) => {
    const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: new V1MicroTime() };
    const body = { metadata: { name, namespace: LEASES }, spec };
    await leases
      .patchNamespacedLease({ name, namespace: LEASES, body: { spec } }, MERGE)
      .catch(() => leases.createNamespacedLease({ namespace: LEASES, body }));
  };
  for (const name of names) {
    await core.createNode({ body: { metadata: { name }, spec: {} } });
    await renew(name);
    await beat(name);
    // The controller marks a new Node until it has seen it ready; pods of rentals tolerate no such mark.
    await core.patchNode({ name, body: { spec: { taints: null } } }, MERGE);
  }
  const renewing = setInterval(() => void Promise.all(names.map(renew)).catch(() => {}), RENEW_EVERY_MS);

  async function play(pod: z.infer<typeof PodEvent>): Promise<void> {
    const { name, namespace, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp)
      return void (await core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds: 0 }).catch(() => {}));
    if (pod.status?.phase !== "Pending") return;
    const ready = ["Initialized", "Ready", "ContainersReady"].map((type) => ({
      ...{ type, status: "True", lastTransitionTime: now() },
    }));
    const containerStatuses = [
      { name: "workspace", image: "none", imageID: "", ready: true, restartCount: 0, started: true, state: running() },
    ];
    const status = { phase: "Running", podIP: address, hostIP: address, startTime: now(), containerStatuses };
    const conditions = [{ type: "PodScheduled", status: "True", lastTransitionTime: now() }, ...ready];
    await core.patchNamespacedPodStatus({ name, namespace, body: { status: { ...status, conditions } } }, MERGE).catch(
      () => {}, // it was taken away meanwhile
    );
  }
  let open = true;
  const watching = (async () => {
    while (open) {
      await new Promise<void>((ended) => {
        const hear = (_: string, object: V1Pod) => {
          const pod = PodEvent.safeParse(object).data;
          if (pod?.spec.nodeName && names.includes(pod.spec.nodeName)) void play(pod);
        };
        new Watch(config).watch("/api/v1/pods", { timeoutSeconds: 5 }, hear, () => ended()).catch(() => ended());
      });
    }
  })();
  return {
    names,
    async close() {
      open = false;
      clearInterval(renewing);
      for (const name of names) {
        const left = await core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${name}` });
        for (const { metadata } of left.items)
          await core
            .deleteNamespacedPod({
              ...{ name: metadata?.name ?? "", namespace: metadata?.namespace ?? "", gracePeriodSeconds: 0 },
            })
            .catch(() => {});
        await core.deleteNode({ name }).catch(() => {});
        await leases.deleteNamespacedLease({ name, namespace: LEASES }).catch(() => {});
      }
      door.close();
      await watching;
    },
  };
}

const running = () => ({ running: { startedAt: now() } });
const now = () => new Date().toISOString();
