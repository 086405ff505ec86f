// Workspaces on the real cluster for tests: of tenants and a prefix of their own, and everything taken back.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import { KubeConfig, NetworkingV1Api } from "@kubernetes/client-node";
import type { ExecutionSpec, Observed } from "../../../../../../domain/execution/spec.ts";
import { type ExecutionId, formatId } from "../../../../../../domain/ids.ts";
import { TEST_KUBECONFIG, testCluster } from "../../../../../testing/kubernetes.ts";
import { sshClient } from "../../../../../testing/ssh.ts";
import { newHostKey } from "../../../../system/host-key.ts";
import { kubernetesCluster } from "../kubernetes-cluster.ts";
import type { ClusterRules, PodSpec } from "../manifests.ts";
import { namespaceOf, podName } from "../names.ts";

const WAITS_MS = 90_000;
const LOOKS_EVERY_MS = 100;

export interface Rented {
  readonly id: ExecutionId;
  readonly tenant: string;
  readonly namespace: string;
  readonly name: string;
  /** Waits for a state. @throws where it ended instead, or never came to it */
  until<S extends Observed["state"]>(state: S): Promise<Extract<Observed, { state: S }>>;
  /** Runs a script in it, as its customer. @returns its stdout */
  shell(script: string): Promise<string>;
  remove(): Promise<void>;
}

export type Quay = Awaited<ReturnType<typeof openQuay>>;

export async function openQuay() {
  const prefix = `${randomBytes(4).toString("hex")}.berth.test`;
  const client = await sshClient();
  const kube = testCluster();
  const hostKey = newHostKey();
  const { items } = await kube.core.listNode();
  const nodeName = items.find(({ spec }) => !spec?.unschedulable)?.metadata?.name ?? "";
  const rules: ClusterRules = { labelPrefix: prefix, tenantMaxGpus: 2, ownCidrs: [], runtimeClass: null };
  const cluster = kubernetesCluster({
    kubeconfig: TEST_KUBECONFIG,
    ...rules,
    clock: { now: () => new Date() },
    log: { info: () => {}, warn: () => {}, error: () => {} },
  });
  const admin = new KubeConfig();
  admin.loadFromFile(TEST_KUBECONFIG);
  const tenants = new Set<string>();

  async function until(id: ExecutionId, state: Observed["state"]): Promise<Observed> {
    for (const end = Date.now() + WAITS_MS; Date.now() < end; ) {
      const seen = await cluster.observe(id);
      if (seen.state === state) return seen;
      if (seen.state === "ended" && state !== "absent") throw new Error(`it ended: ${seen.cause} ${seen.detail}`);
      await new Promise((resolve) => setTimeout(resolve, LOOKS_EVERY_MS));
    }
    throw new Error(`${id} never became ${state}`);
  }

  async function remove(id: ExecutionId): Promise<void> {
    await cluster.remove(id);
    await until(id, "absent");
  }

  /** Takes back whatever is there: together, for a kubelet may take half a minute for each. */
  async function clear(): Promise<void> {
    await Promise.all((await cluster.list()).map(({ id }) => remove(id)));
  }

  return {
    cluster,
    kube,
    nodeName,
    clear,
    networking: admin.makeApiClient(NetworkingV1Api),

    /** Asks the API server as somebody without a token. @returns the HTTP status */
    async anonymously(path: string): Promise<number> {
      const [reply]: IncomingMessage[] = await once(get(`${kube.server}${path}`, { ca: kube.caPem }), "response");
      reply?.resume();
      return reply?.statusCode ?? 0;
    },

    newTenant: () => `0x${randomBytes(20).toString("hex")}`,

    /**
     * Puts a workspace on the node: one core, 256 MB and 1 GB where nothing else is said.
     * @param before done with what it asks for, in its tenant's namespace, before anything of it is made
     */
    async rent(
      tenant: string,
      over: Partial<ExecutionSpec> = {},
      before: (spec: PodSpec, rules: ClusterRules) => Promise<void> = async () => {},
    ): Promise<Rented> {
      tenants.add(tenant);
      const id = formatId("exec", Date.now(), randomBytes(10));
      const spec: ExecutionSpec = {
        id,
        jobId: formatId("job", Date.now(), randomBytes(10)),
        providerId: formatId("prov", 1, randomBytes(10)),
        kind: "rental",
        image: "localhost/debian:12",
        ...{ cpuCores: 1, memoryMb: 256, diskGb: 1, gpuUuids: [], env: {}, command: null, registryLogin: null },
        sshPublicKeys: [client.publicKey],
        sshHostKey: hostKey.privateKey,
        deadline: new Date(Date.now() + 3_600_000).toISOString(),
        ...over,
      };
      const where = { tenant, nodeName, host: "127.0.0.1" };
      await before({ ...spec, ...where }, rules);
      await cluster.apply(spec, where);
      return {
        id,
        tenant,
        namespace: namespaceOf(tenant),
        name: podName(id),
        until: <S extends Observed["state"]>(state: S) => until(id, state) as Promise<Extract<Observed, { state: S }>>,
        async shell(script) {
          const seen = await until(id, "ready");
          return seen.state === "ready" ? client.ssh(seen.endpoint.port, hostKey.publicKey, script) : "";
        },
        remove: () => remove(id),
      };
    },

    async close(): Promise<void> {
      await clear();
      for (const tenant of tenants) await kube.core.deleteNamespace({ name: namespaceOf(tenant) }).catch(() => {});
      await kube.close();
      await client.close();
    },
  };
}
